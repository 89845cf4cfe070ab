"""Play a run again, and record the states of both players at some moments.

A run is a pure function of its configuration, so nothing has to be kept while it is played. A replay is checked against scores of the
trace, which it must meet to the last bit.
"""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arena.accelerate.autocast import multiplications
from arena.config.config import Config
from arena.core.field.frozen import PRODUCT
from arena.core.torch_settings import using_threads
from arena.engine.env import Arena
from arena.errors import ArenaError, GameFault, RuleUndefined
from arena.runs.pictures import keep_position, positions_of


class ReplayDiffers(ArenaError):
    """A replay has another score than the record."""


@dataclass(frozen=True)
class Moment:
    """A moment of a run.

    Args:
        turn: Turns played.
        spent: Gradient evaluations so far, a product counted as three.
        file: The state of the players, or a picture of them.
    """

    turn: int
    spent: int
    file: Path

    def at(self, by: str) -> int:
        """Return its place on an axis: its turn, or its gradient evaluations."""
        return self.turn if by == "turns" else self.spent


def replay(
    config: Config,
    last: int,
    targets: Sequence[int],
    by: str,
    into: Path,
    scores: Mapping[int, float],
    played: Callable[[int], None] = lambda turn: None,
    *,
    begin: Mapping[str, Any] | None = None,
    until: int | None = None,
) -> list[Moment]:
    """Play a run, or a part of it, again; record a moment at the first turn that reaches each of some places on an axis, and at its end.

    Args:
        config: Configuration of the run.
        last: Its last turn.
        targets: Places, in order, the first of which is 0; what lies beyond the end of the run is left out.
        by: The axis, turns or evaluations.
        into: Folder for the recorded states.
        scores: Recorded scores that the replay must meet, by turn.
        played: Takes the turns played so far from the beginning of the part, now and then.
        begin: A checkpoint from whose turn on the run is played; what it has reached is left out. None is the beginning.
        until: The turn up to which it is played; None is the last.

    Raises:
        ReplayDiffers: The replay does not meet a score.
    """
    with using_threads(config.run.threads), multiplications(config.run.tf32):
        arena = config.build()
        arena.reset(seed=config.run.seed)
        arena.game.path = positions_of(arena)
        if begin is not None:
            arena.load_state_dict(begin["arena"])
            arena.game.path = [*begin.get("path", [])]
        _check(arena, scores)
        place = lambda: arena.turns_played if by == "turns" else _spent(arena)  # noqa: E731
        moments = [_moment(arena, into)] if begin is None else []
        pending, first = [target for target in targets if target > place()], arena.turns_played
        every = config.group("trace").every
        window = min(every, 2 * arena.scheduler.period)
        with contextlib.suppress(RuleUndefined, GameFault):  # as the run ended, too
            while arena.turns_played < (until or last) and pending:
                turn = arena.turns_played
                arena.play_scheduled_turn(measure=turn % every >= every - window)  # as in the run, because a scheduler may observe it
                keep_position(arena)
                due = pending[0] <= place() or arena.turns_played == last
                if due or arena.turns_played in scores:
                    arena.read_signals()
                    if arena.divergence is not None:
                        break
                    _check(arena, scores)
                    played(arena.turns_played - first)
                if due:
                    moments.append(_moment(arena, into))
                    pending = [target for target in pending if target > moments[-1].at(by)]
    return moments


def load(moment: Moment, arena: Arena) -> None:
    """Give the players of an arena the state of a moment."""
    state = torch.load(moment.file, map_location=arena.device, weights_only=True)
    tensors = _tensors(arena)
    with torch.no_grad():
        for name, value in state["tensors"].items():
            tensors[name].copy_(value)
    arena.game.path = state["path"]


def _moment(arena: Arena, into: Path) -> Moment:
    moment = Moment(arena.turns_played, _spent(arena), into / f"{arena.turns_played:09d}.pt")
    with arena.evaluated_parameters():
        state = {name: tensor.detach().clone() for name, tensor in _tensors(arena).items()}
    torch.save({"tensors": state, "path": [*arena.game.path]}, moment.file)
    return moment


def _tensors(arena: Arena) -> dict[str, Tensor]:
    return {**dict(arena.game.named_parameters()), **dict(arena.game.named_buffers())}


def _spent(arena: Arena) -> int:
    return arena.field.gradient_evaluations + PRODUCT * arena.field.products


def _check(arena: Arena, scores: Mapping[int, float]) -> None:
    """Raise if the score of this turn is recorded and another one."""
    recorded = scores.get(arena.turns_played)
    if recorded is None:
        return
    score = arena.measure_score()
    if score != recorded and not (math.isnan(score) and math.isnan(recorded)):
        raise ReplayDiffers(f"played again, the score in turn {arena.turns_played:,} is {score:.9g}, but {recorded:.9g} is recorded")
