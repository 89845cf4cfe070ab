"""The TensorBoard of a run: its trace, pictures, alarms and texts, and, if wanted, distributions of weights and gradients."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from arena.alarms.active import Alarms
from arena.config.config import Config
from arena.diagnostics.base import Diagnostic
from arena.engine.env import Arena
from arena.runs.endings import ending


class NoBoard:
    """A board that nothing is written to: it is switched off, or that of another process."""

    def write(self, row: Mapping[str, Any]) -> None: ...

    def scored(self, arena: Arena) -> None: ...

    def alarms(self, alarms: Alarms, turn: int, sentences: Mapping[str, str]) -> None: ...

    def picture(self, figure: Figure, turn: int, tag: str = "picture") -> None: ...

    def features(self, arena: Arena) -> None: ...

    def end(self, row: Mapping[str, Any], alarms: Alarms) -> None: ...

    def close(self) -> None: ...


class Board(NoBoard):
    """The TensorBoard of a run.

    Args:
        config: Configuration of the run.
        arena: Its arena.
        folder: Run folder.
        ceiling: Score of real data; None if it is not defined.
        metrics: Names of the metrics of real data.
        resumed: Whether the run goes on from a checkpoint; later events of an earlier process are void.
    """

    def __init__(self, config: Config, arena: Arena, folder: Path, ceiling: float | None, metrics: Sequence[str], *, resumed: bool):
        from arena.trace.tensorboard import TensorBoard

        again, real = arena.turns_played + 1 if resumed else 0, ceiling is not None or bool(metrics)
        self._made = TensorBoard(folder, arena.game.roles, arena.own_names, purge=again, metrics=metrics, ceilings=real)
        self._folder, self._looking = folder, Diagnostic().looking if config.group("trace").histograms else None
        self.write, self.close = self._made.write, self._made.close  # type: ignore[method-assign]
        if not resumed:
            self._made.text("config", "```yaml\n" + config.dump() + "```")

    def picture(self, figure: Figure, turn: int, tag: str = "picture") -> None:
        """Write a picture."""
        from arena import plots

        self._made.picture(plots.to_array(figure), turn, tag)

    def features(self, arena: Arena) -> None:
        """Write the features of the game's examples, if it has some."""
        from arena import plots

        if (found := plots.features_of(arena)) is not None:
            self._made.features(*found)

    def scored(self, arena: Arena) -> None:
        """Write the distributions of weights and gradients, if wanted.

        The gradients are those of the frozen field on a fixed batch, as diagnostics see it, so that distributions are comparable over a run
        and the run stays as it is.
        """
        if self._looking is None:
            return
        with self._looking(arena) as field:
            gradients = field.gradients()
            for role in arena.game.roles:
                parameters = dict(arena.game.players[role].named_parameters())
                values = {f"weights/{name}": _array(weights) for name, weights in parameters.items()}
                own = {name: gradients.get(f"players.{role}.{name}") for name in parameters}
                values |= {f"weight_gradients/{name}": _array(g) for name, g in own.items() if g is not None}
                self._made.histograms(role, values, arena.turns_played)

    def alarms(self, alarms: Alarms, turn: int, sentences: Mapping[str, str]) -> None:
        """Write which alarms are raised, and a sentence on each that has changed."""
        for name, sentence in sentences.items():
            self._made.text(f"alarms/{name}", sentence, turn)
        self._made.alarms({name: name in alarms.ringing for name in alarms.raised}, turn)

    def end(self, row: Mapping[str, Any], alarms: Alarms) -> None:
        """Write the verdict on the run and its summary as one text; `row` is the last one of the trace."""
        shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in row.items() if name != "kind"}
        numbers = [f"| {name} | {value} |" for name, value in shown.items() if value is not None]
        raised = [f"- alarm {name} in turn {turn:,}: {reason}" for name, (turn, reason) in alarms.raised.items()]
        verdict = [f"**{text}**", ""] if (text := ending("verdict", self._folder)) else []
        self._made.text("about/summary", "\n".join([*verdict, "| | |", "|---|---|", *numbers, "", *raised]), row["turn"])


def board(config: Config, *about: Any, resumed: bool, shown: bool) -> NoBoard:
    """Open the TensorBoard of a run unless it is switched off or not `shown`; the arguments are those of `Board`."""
    return Board(config, *about, resumed=resumed) if shown and config.group("trace").tensorboard else NoBoard()


def _array(values: Tensor) -> np.ndarray:
    return values.detach().double().cpu().numpy()
