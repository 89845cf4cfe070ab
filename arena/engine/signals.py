"""The telemetry of turns: collected on the device without a wait, read in bulk.

Every turn keeps its movers' losses as tensors. Measured turns also keep the norms of gradients and updates, and the cosine of each update
with the player's previous one, which needs two copies of the parameters. `read` fetches all of them at once and finds the first number that
was not finite, with its turn and its player.
"""

import contextlib
import itertools
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from arena.core.field.field import Field
from arena.core.game import Game

KEPT = 20
"""Most turns before a divergence whose losses are kept."""


@dataclass(frozen=True)
class Divergence:
    """The first number of a run that was not finite.

    Args:
        turn: Turn, counted from 1.
        role: Role of the player.
        what: output, loss or gradient.
    """

    turn: int
    role: str
    what: str

    def __str__(self) -> str:
        return f"the {self.role}'s {self.what} was not finite in turn {self.turn}"


class _Note(NamedTuple):
    turn: int
    losses: dict[str, Tensor]
    norms: dict[str, list[Tensor]]
    outputs: list[tuple[str, Tensor, Tensor]]


class Passage(NamedTuple):
    """The losses of several turns, kept together.

    Shapes: M = turns in which a key moved, K = members.

    Args:
        turns: Turns played after each; in a population, those of each member, (K,).
        places: By key, the places among the turns at which it moved.
        losses: By key, its losses there, (M,) or (M, K).
        moves: By key, the members that moved it there, (M, K), if not all did.
    """

    turns: list[Any]
    places: dict[str, list[int]]
    losses: dict[str, Tensor]
    moves: dict[str, Tensor]


class Signals:
    """Both players' signals by name: `role.loss`, `role.gradient_norm`, `role.update_norm`, `role.update_cosine`.

    Losses and gradient norms are those at the position where the turn began. A player that did not move keeps its latest values.

    Attributes:
        before_divergence: The last finite turns before a divergence that had not been read before, and their losses and norms by name.
    """

    def __init__(self, game: Game):
        self.game = game
        self.values: dict[str, float] = {}
        self.divergence: Divergence | None = None
        self.before_divergence: list[tuple[int, dict[str, float]]] = []
        self._notes: list[_Note | Passage] = []
        self._before: dict[str, list[Tensor]] = {}
        self._previous: dict[str, Tensor] = {}
        self._updates: dict[str, tuple[Tensor, Tensor | None]] = {}
        self._outputs: list[tuple[str, Tensor, Tensor]] = []
        self._fresh: set[str] = set()
        self._window: dict[str, list[float]] = {}

    @property
    def names(self) -> list[str]:
        """All names that `read` may return, in a fixed order."""
        by_key = [f"{key}.{what}" for key in self.game.keys for what in ("loss", "gradient_norm")]
        return by_key + [f"{role}.{what}" for role in self.game.roles for what in ("update_norm", "update_cosine")]

    @contextlib.contextmanager
    def watching_outputs(self) -> Iterator[None]:
        """Record, in every forward pass of a player within the block, whether its input and its output are finite."""

        def hook(role: str) -> Any:
            def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
                finite = [t.detach().isfinite().all() for t in inputs if isinstance(t, Tensor)]
                fine_in = torch.stack(finite).all() if finite else torch.ones((), dtype=torch.bool, device=output.device)
                self._outputs.append((role, fine_in, output.detach().isfinite().all()))

            return note

        handles = [player.register_forward_hook(hook(role)) for role, player in self.game.players.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def before_move(self, roles: Sequence[str]) -> None:
        """Copy the parameters of the roles, for the update of a measured turn."""
        self._before = {role: [p.detach().clone() for p in self.game.players[role].parameters()] for role in roles}

    def after_move(self, members: None = None) -> None:
        """Take the update of the roles of `before_move`."""
        for role, before in self._before.items():
            moved = [(p.detach() - old).flatten() for p, old in zip(self.game.players[role].parameters(), before, strict=True)]
            update = torch.cat(moved)
            self._updates[role] = (update, self._previous.get(role))
            self._previous[role] = update
        self._before = {}

    def forget_updates(self) -> None:
        """Forget the previous updates, so that the next measured one has no cosine."""
        self._previous.clear()

    def note(self, turn: int, field: Field, *, gradients: bool) -> None:
        """Keep the losses of a turn on the device, and with `gradients` the norms of its gradients."""
        if field.first is None:
            return
        losses, direction = field.first
        norms: dict[str, list[Tensor]] = {}
        if gradients:
            norms = {key: list(torch._foreach_norm([direction[n] for n in field.parameters[key]])) for key in field.movers}
        self._notes.append(_Note(turn, {key: losses[key].detach() for key in field.movers}, norms, self._outputs))
        if self._outputs:
            self._outputs = []

    def note_passage(self, passage: Passage) -> None:
        """Keep the losses of several turns on the device."""
        self._notes.append(passage)
        self._previous.clear()

    def read(self) -> dict[str, float]:
        """Fetch everything noted since the last call (one wait for the device) and return the latest value of each signal.

        The signals are in the order of `names`, so that the order does not depend on how often a run was read.
        """
        notes, self._notes = self._notes, []
        flat = [t.reshape(-1) for note in notes for t in _tensors(note)]
        numbers = iter(torch.cat(flat).tolist() if flat else ())
        finite: deque[tuple[int, dict[str, float]]] = deque(maxlen=KEPT)
        for note in notes:
            if isinstance(note, _Note):
                self._read_turn(note, numbers, finite)
                continue
            columns = {key: [*itertools.islice(numbers, len(places))] for key, places in note.places.items()}
            if all(math.isfinite(loss) for column in columns.values() for loss in column):
                for key, column in columns.items():
                    self._window.setdefault(f"{key}.loss", []).extend(column)
                    self._fresh.add(f"{key}.loss")
                    self.values[f"{key}.loss"] = column[-1]
                finite.extend(_latest(note, columns))
            else:
                for single in _apart(note):
                    self._read_turn(single, iter([float(loss) for loss in single.losses.values()]), finite)
        for role, (update, previous) in self._updates.items():
            self._fresh.add(f"{role}.update_norm")
            self.values[f"{role}.update_norm"] = float(update.norm())
            if previous is not None:
                self._fresh.add(f"{role}.update_cosine")
                self.values[f"{role}.update_cosine"] = float(torch.cosine_similarity(update, previous, dim=0))
        self._updates = {}
        return {name: self.values[name] for name in self.names if name in self.values}

    def take_fresh(self) -> set[str]:
        """Return the names of the signals that were noted since the last call."""
        fresh, self._fresh = self._fresh, set()
        return fresh

    def take_window(self) -> dict[str, float]:
        """Return the mean and the 10 % and 90 % quantiles of each loss over the turns since the last call, of at least two."""
        window, self._window = self._window, {}
        statistics = {}
        for name, losses in window.items():
            if len(losses) > 1 and all(map(math.isfinite, losses)):
                losses.sort()
                last = len(losses) - 1
                statistics[f"{name}_mean"] = math.fsum(losses) / len(losses)
                statistics |= {f"{name}_low": losses[round(0.1 * last)], f"{name}_high": losses[round(0.9 * last)]}
        return statistics

    def _read_turn(self, note: _Note, numbers: Iterator[float], finite: deque[tuple[int, dict[str, float]]]) -> None:
        """Take the numbers of one turn."""
        latest: dict[str, float] = {}
        for key in note.losses:
            latest[f"{key}.loss"] = loss = next(numbers)
            self._window.setdefault(f"{key}.loss", []).append(loss)
            norm = math.hypot(*(next(numbers) for _ in note.norms[key])) if key in note.norms else 0.0
            latest |= {f"{key}.gradient_norm": norm} if key in note.norms else {}
            if self.divergence is None and not (math.isfinite(loss) and math.isfinite(norm)):
                self.divergence = self._diagnose(note, key, "loss" if not math.isfinite(loss) else "gradient")
                self.before_divergence = [*finite]
        finite.append((note.turn, latest))
        self._fresh.update(latest)
        self.values |= latest

    def _diagnose(self, note: _Note, key: str, what: str) -> Divergence:
        for role, fine_in, fine_out in note.outputs:  # in the order of the forward passes
            if bool(fine_in) and not bool(fine_out):
                return Divergence(note.turn, role, "output")
        return Divergence(note.turn, key.split(".", 1)[0], what)

    def state_dict(self) -> dict[str, Any]:
        each = [single for n in self._notes for single in ([n] if isinstance(n, _Note) else _apart(n))]
        notes = [{"turn": n.turn, "losses": n.losses, "norms": n.norms} for n in each]
        updates = {role: list(pair) for role, pair in self._updates.items()}
        return {
            "values": dict(self.values),
            "fresh": sorted(self._fresh),
            "window": {name: [*losses] for name, losses in self._window.items()},
            "notes": notes,
            "previous": dict(self._previous),
            "updates": updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.values, self._fresh = dict(state["values"]), set(state["fresh"])
        self._window = {name: [*losses] for name, losses in state.get("window", {}).items()}
        self._notes = [_Note(n["turn"], n["losses"], n["norms"], []) for n in state["notes"]]
        self._previous = dict(state["previous"])
        self._updates = {role: (pair[0], pair[1]) for role, pair in state["updates"].items()}
        self._before, self._outputs, self.divergence, self.before_divergence = {}, [], None, []


def _tensors(note: _Note | Passage) -> list[Tensor]:
    if isinstance(note, Passage):
        return [*note.losses.values()]
    return [t for key in note.losses for t in (note.losses[key], *note.norms.get(key, ()))]


def _apart(passage: Passage) -> list[_Note]:
    """Return the notes of the turns of a passage."""
    losses: list[dict[str, Tensor]] = [{} for _ in passage.turns]
    for key, places in passage.places.items():
        for place, loss in zip(places, passage.losses[key].unbind(0), strict=True):
            losses[place][key] = loss
    return [_Note(turn, own, {}, []) for turn, own in zip(passage.turns, losses, strict=True)]


def _latest(passage: Passage, columns: Mapping[str, Sequence[float]]) -> list[tuple[int, dict[str, float]]]:
    """Return the last turns of a passage with their losses by name."""
    first = max(0, len(passage.turns) - KEPT)
    rows: list[tuple[int, dict[str, float]]] = [(turn, {}) for turn in passage.turns[first:]]
    for key, column in columns.items():
        for place, loss in [*zip(passage.places[key], column, strict=True)][-KEPT:]:
            if place >= first:
                rows[place - first][1][f"{key}.loss"] = loss
    return rows
