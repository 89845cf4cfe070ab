"""The display of a run in a notebook: one panel that is updated in place, and one picture below it.

However long a run is, its cell holds these two outputs and a line at the end.
"""

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from arena.runs import cells
from arena.runs.display import Display, Lines, duration, show
from arena.runs.endings import endings
from arena.runs.view import View

if TYPE_CHECKING:
    from arena.config.config import Config
    from arena.engine.env import Arena
    from arena.runs.result import Result

SECONDS = 0.5
"""Least time between two updates."""


def here() -> Display:
    """Return the display for this process: a panel in a notebook or on a terminal, else plain lines."""
    return Notebook() if cells.in_notebook() else show()


class Notebook(Lines):
    """The live view of a run in a cell, updated at most twice a second, with the latest picture."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO(), record=True, width=100, force_jupyter=False))
        self._notes: list[str] = []
        self._pictured: Path | None = None

    def begin(self, config: "Config", folder: Path, arena: "Arena") -> None:
        from IPython.display import HTML, display

        self._html = HTML
        self.config, self.folder, self.arena, self._began, self._drawn = config, folder, arena, time.monotonic(), 0.0
        self._latest["turn"] = arena.turns_played
        self._view = View(config.game.name, arena.game.roles, arena.turns, arena.game.score_uses_oracle, self._latest)
        self._panel = display(HTML(self._drawing()), display_id=True)
        self._picture = display(HTML(""), display_id=True)

    def row(self, row: dict[str, Any], ringing: Mapping[str, str]) -> None:
        self._take(row)
        self._view.rate, self._view.judged, self._view.ringing = self.rate, self.arena.judged, dict(ringing)
        if time.monotonic() - self._drawn > SECONDS:
            self._draw()

    def note(self, text: str) -> None:
        self._notes = [*self._notes, text][-5:]

    def end(self) -> None:
        self._draw()

    def report(self, result: "Result") -> None:
        """Write what is due at the end of a run, and show the last picture and how it ended."""
        lines = dict(endings(result.folder)) if result.status != "interrupted" else {}
        seconds = time.monotonic() - self._began
        again = f'Continue with arena.resume("{result.folder}")' if result.status == "interrupted" else lines.get("verdict", "")
        self._notes += [f"{result.status} after {result.turns:,} turns in {duration(seconds)}. {again}"]
        self._notes += [f"report: {result.report}"] if result.report.is_file() else []
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._panel.update(self._html(self._drawing()))
        latest = max((self.folder / "pictures").glob("turn-*.png"), default=None)
        if latest is not None and latest != self._pictured:
            self._pictured = latest
            self._picture.update(self._html(cells.picture(latest)))

    def _drawing(self) -> str:
        self.console.print(self._view, *map(Text, self._notes), sep="\n", highlight=False)
        return self.console.export_html(inline_styles=True, code_format='<pre style="line-height:1.3">{code}</pre>')
