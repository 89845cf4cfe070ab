"""The work of a map: one population, or games one by one, played to the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from arena.experiments.map.plan import Key, Plan, load
from arena.experiments.outcome import Outcome, judged
from arena.experiments.playing import play_group

LOOK = 100
"""Turns between looks at the signals, at which runs that diverged are stopped."""

_plans: dict[Path, Plan] = {}


@dataclass(frozen=True)
class PlayGroup:
    """Plays one population of a map.

    Args:
        folder: of the map.
    """

    folder: Path

    @property
    def plan(self) -> Plan:
        """The plan, which each process reads once."""
        if self.folder not in _plans:
            _plans.clear()
            _plans[self.folder] = load(self.folder)
        return _plans[self.folder]

    def played_here(self, plan: Plan) -> None:
        """Let this process use a plan that it has already."""
        _plans.clear()
        _plans[self.folder] = plan

    def __call__(self, job: tuple[bool, list[Key]], turns: Callable[[int], None]) -> list[Outcome]:
        """Return the runs of a group, given whether it shares a population, and its keys."""
        shared, keys = job
        configs = [self.plan.config(key) for key in keys]
        outcomes = play_group(configs, LOOK, turns, shared)
        game = next((config.example() for config, run in zip(configs, outcomes, strict=True) if not run.gone), None)
        return [judged(run, game is not None and not run.gone and game.collapsed(run.signals)) for run in outcomes]
