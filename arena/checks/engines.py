"""Checks of a game in the engines that play it: a population, and Gymnasium's environment."""

import warnings

import torch
from torch.func import vmap

from arena.checks.report import DoesNotApply, Fault
from arena.checks.subject import Subject
from arena.core.field.functional import function_of
from arena.engine import turn_engine
from arena.engine.blocks import Blocks
from arena.engine.env import Arena
from arena.engine.members.stacking import stack
from arena.errors import first_line
from arena.players.base import hooks


def a_population_equals_its_members(subject: Subject) -> None:
    """The vmapped field of three games equals that of each game."""
    games = [subject.game(seed) for seed in range(3)]
    fields = [subject.field(game) for game in games]
    for field in fields:
        field.freeze(fields[0].batch, games[0].max_coupling, seed=0)
    alone = [field.gradients() for field in fields]
    if fields[0].stochastic:
        raise DoesNotApply  # members draw their own dropout masks
    state = [{**dict(game.named_parameters()), **dict(game.named_buffers())} for game in games]
    stacked = {name: torch.stack([s[name].detach() for s in state]) for name in state[0]}
    try:
        together = vmap(function_of(fields[0], games[0].keys))(stacked)
    except Exception as error:
        raise Fault(
            f"the field cannot be vmapped ({first_line(error)}); avoid .item(), data-dependent ifs and in-place changes in losses"
        ) from error
    for i, gradients in enumerate(alone):
        for name, gradient in gradients.items():
            if not torch.allclose(together[name][i], gradient, rtol=1e-8, atol=1e-10):
                raise Fault(f"member {i} of a population has another gradient in '{name}' than the game alone; keep losses free of state")
    _hooks_of_a_population(subject)


def _hooks_of_a_population(subject: Subject) -> None:
    """The players' hooks act on each member of a population as on a single game."""
    games = [subject.game(seed) for seed in range(3)]
    if not (hooks(games[0].players, "on_batch") or hooks(games[0].players, "project_")):
        return
    batch = subject.batch(games[0])
    together, members = stack([subject.game(seed) for seed in range(3)])
    members.batch_axis = None
    for name in ("on_batch", "project_"):
        with torch.no_grad():
            for game in games:
                for method in hooks(game.players, name):
                    method(batch)
            try:
                members.call(together, hooks(together.players, name), batch)
            except Exception as error:
                raise Fault(f"{name}() cannot be vmapped ({first_line(error)}); change tensors by copy_(), not by .data") from error
        for i, game in enumerate(games):
            for parameter, alone in game.named_parameters():
                if not torch.allclose(together.get_parameter(parameter)[i], alone, rtol=1e-8, atol=1e-10):
                    raise Fault(f"after {name}() member {i} of a population has another '{parameter}' than the game alone")


def in_blocks(subject: Subject) -> str:
    """Return whether turns of a game can be recorded for XLA, or why not, with file and line; nothing without the extra `xla`."""
    arena = Arena(subject.build, turns=100)
    arena.reset(seed=0)
    blocks = Blocks(arena.episode)
    if blocks.missing:
        return ""
    while blocks.why_not is None and not blocks.recorded and arena.turns_played < 20:
        blocks.play(1, turn_engine.play)
    return blocks.why_not or "its turns can be recorded, so that --compile xla plays them in blocks"


def gymnasium_accepts_it(subject: Subject) -> None:
    """Gymnasium's checker passes without a warning."""
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check_env(Arena(subject.build, turns=4, render_mode="rgb_array"), skip_render_check=True)
        except AssertionError as error:
            raise Fault(f"gymnasium's check_env fails: {first_line(error)}") from error
    ours = [str(w.message) for w in caught if "gymnasium" in str(w.filename)]
    if ours:
        raise Fault(f"gymnasium's check_env warns: {' '.join(ours[0].split())}")
