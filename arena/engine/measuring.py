"""Measurements between turns: signals, scores, criteria and metrics.

A measurement preserves the state of the game. It is a number for one game, and an array of shape (K,) for a population.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.core.faults import faults_of
from arena.core.game import Batch
from arena.core.preserve import preserve_state
from arena.engine.episode import Episode
from arena.engine.single_episode import SingleEpisode

AT_ONCE = 16
"""Members that are scored at once; more would need much memory, because the samples of a score are large."""


def evaluate(episode: Episode, function: Callable[[], Any], what: str) -> Any:
    """Call a function of the game at the evaluated parameters: an average if the rule keeps one, else the live ones.

    Args:
        episode: The episode of one game or of a population.
        function: Returns a number, or a dictionary of numbers.
        what: Name of the game's method, for the error.

    Returns:
        The function's number or dictionary of numbers, each as a float; in a population, as an array of shape (K,).
    """
    placed, fault = episode.field.placed(episode.rule.evaluated_parameters()), faults_of(f"{type(episode.game).__name__}.{what}")
    if isinstance(episode, SingleEpisode):
        with fault, preserve_state(episode.game, seed=episode.look_seed), episode.on_device(), placed:
            return episode.on_main(lambda: tree_map(float, function()))
    with fault, episode.on_device(), placed:
        return tree_map(_array, each(episode, lambda: tree_map(_tensor, function())))


def judged(episode: Episode) -> str:
    """Return the players that a score judges: `raw` for the live ones, `averaged`, or `averaged ROLE` if the rule averages one role."""
    roles = {episode.field.role_of(name) for name in episode.rule.evaluated_parameters() or ()}
    return " ".join(["averaged", *(roles if len(roles) == 1 else ())]) if roles else "raw"


def measure_score(episode: Episode) -> Any:
    """Measure the game's score; lower is better."""
    episode.score = evaluate(episode, episode.game.score, "score")
    return episode.score


def measure_criteria(episode: Episode) -> tuple[Any, Any]:
    """Measure the score and the selection criterion."""

    def both() -> tuple[Any, Any]:
        score = _tensor(episode.game.score())
        return score, _tensor(episode.game.criterion(score)).to(score)

    episode.score, criterion = evaluate(episode, both, "score")
    return episode.score, criterion


def measure_metrics(episode: Episode) -> dict[str, Any]:
    """Measure the game's metrics, by name."""
    metrics: dict[str, Any] = evaluate(episode, lambda: dict(episode.game.metrics()), "metrics")
    return metrics


def metric_ceilings(episode: Episode) -> Any:
    """Return the metrics of real data by name; in a population a list, measured once if neither numbers nor buffers of the games differ."""
    game, members = episode.game, episode.members
    with preserve_state(game, seed=episode.look_seed), episode.on_device():
        if isinstance(episode, SingleEpisode):
            return episode.on_main(game.metric_ceilings)
        assert members is not None
        if not members.differ:
            return [game.metric_ceilings()] * members.count
        ceilings = []
        for member in range(members.count):
            with members.own(game, member):
                ceilings.append(game.metric_ceilings())
        return ceilings


def read_signals(episode: Episode) -> dict[str, Any]:
    """Return all signals by name; waits for the device once."""
    if isinstance(episode, SingleEpisode):
        return _read_single(episode)
    assert episode.members is not None
    everyone = np.ones(episode.members.count)
    values = {"coupling": episode.coupling_played.copy(), "progress": episode.progress, **episode.signals.read()}
    if episode.batch is not None and episode.own_names:
        signals = each(episode, lambda batch: {n: v.detach() for n, v in episode.game.signals(batch).items()}, episode.batch)
        values |= {f"game.{name}": v.double().cpu().numpy() for name, v in signals.items()}
    for name, value in episode.rule.report().items():
        values[f"rule.{name}"] = everyone * (value.double().cpu().numpy() if isinstance(value, Tensor) else np.float64(value))
    return values


def _read_single(episode: SingleEpisode) -> dict[str, float]:
    values = {"coupling": episode.coupling, "progress": episode.progress, **episode.signals.read()}
    if episode.batch is not None:

        def own() -> dict[str, float]:
            with faults_of(f"{type(episode.game).__name__}.signals"), preserve_state(episode.game, seed=episode.look_seed):
                signals = episode.game.signals(episode.batch)
            return {f"game.{k}": v for k, v in zip(signals, torch.stack([*signals.values()]).tolist(), strict=True)} if signals else {}

        values |= episode.on_main(own)
    return values | {f"rule.{name}": float(value) for name, value in episode.rule.report().items()}


def each(episode: Episode, function: Callable[..., Any], batch: Batch = None) -> Any:
    """Evaluate a function of the game for every member: mapped over the members if possible, else one member after the other."""
    game, members = episode.game, episode.members
    assert members is not None
    arguments = () if batch is None else (batch,)
    with preserve_state(game, seed=episode.look_seed), torch.no_grad():
        try:
            return members.each(game, function, batch, at_once=AT_ONCE)
        except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError):
            rows = []
            for member in range(members.count):
                shared = members.batch_axis is None
                of_member = arguments if shared else tuple(tree_map(lambda t: t[member], b) for b in arguments)  # noqa: B023
                with members.alone(game, member):
                    rows.append(tree_map(lambda t: _tensor(t).detach().clone(), function(*of_member)))
            return tree_map(lambda *ts: torch.stack(ts), *rows)


def _tensor(value: float | Tensor) -> Tensor:
    """Return a number as a tensor; a plain one keeps its float64."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _array(values: Tensor) -> np.ndarray:
    return values.double().cpu().numpy().copy()
