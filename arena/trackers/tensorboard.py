"""TensorBoard: the trace, pictures, alarms and texts of a run, and if wanted the distributions of weights and gradients."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from arena.trackers.base import Picture, Started, Tracker


class Tensorboard(Tracker):
    """TensorBoard's events in the run folder; on by default, and off with `--trace.tensorboard false`.

    Args:
        histograms: Also write the distributions of each player's weights and gradients, whenever the score is evaluated.
    """

    def __init__(self, histograms: bool = False):
        self.histograms = histograms

    def on_begin(self, run: Started) -> None:
        from arena.diagnostics.base import Diagnostic
        from arena.trace.tensorboard import TensorBoard

        self._run, metrics = run, [name for name in run.ceilings if name != "score"]
        again = run.turn + 1 if run.resumed else 0
        arena = run.arena
        self._made = TensorBoard(run.folder, run.roles, arena.own_names, purge=again, metrics=metrics, ceilings=bool(run.ceilings))
        self._looking = Diagnostic().looking
        if not run.resumed:
            self._made.text("config", "```yaml\n" + run.config + "```")

    def on_look(self, row: Mapping[str, Any]) -> None:
        if self.histograms and "score" in row:
            self._distributions(row["turn"])
        self._made.write(row)
        alarms = self._run.alarms
        self._made.alarms({name: name in alarms.ringing for name in alarms.raised}, row["turn"])

    def on_alarm(self, row: Mapping[str, Any]) -> None:
        name = row["alarm"]
        self._made.text(f"alarms/{name}", f"alarm: {name}: {row['reason']}" if row["raised"] else f"the alarm {name} is over", row["turn"])

    def on_picture(self, picture: Picture) -> None:
        from arena import plots

        self._made.picture(plots.to_array(picture.figure), picture.turn, picture.name)

    def on_end(self, row: Mapping[str, Any]) -> None:
        """Write the features of a run whose turns are over, the verdict and a summary as one text, and close the files."""
        from arena import plots

        if row["status"] in ("finished", "solved") and (found := plots.features_of(self._run.arena)) is not None:
            self._made.features(*found)
        if row["status"] != "interrupted":
            shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in row.items() if name != "kind"}
            numbers = [f"| {name} | {value} |" for name, value in shown.items() if value is not None]
            raised = [f"- alarm {name} in turn {turn:,}: {reason}" for name, (turn, reason) in self._run.alarms.raised.items()]
            verdict = [f"**{text}**", ""] if (text := self._run.verdict()) else []
            self._made.text("about/summary", "\n".join([*verdict, "| | |", "|---|---|", *numbers, "", *raised]), row["turn"])
        self._made.close()

    def _distributions(self, turn: int) -> None:
        """Write the distributions of weights and gradients.

        The gradients are those of the frozen field on a fixed batch, as diagnostics see it, so that distributions are comparable over a run
        and the run stays as it is.
        """
        arena = self._run.arena
        with self._looking(arena) as field:
            gradients = field.gradients()
            for role in arena.game.roles:
                parameters = dict(arena.game.players[role].named_parameters())
                values = {f"weights/{name}": _array(weights) for name, weights in parameters.items()}
                own = {name: gradients.get(f"players.{role}.{name}") for name in parameters}
                values |= {f"weight_gradients/{name}": _array(g) for name, g in own.items() if g is not None}
                self._made.histograms(role, values, turn)


def _array(values: Tensor) -> np.ndarray:
    return values.detach().double().cpu().numpy()
