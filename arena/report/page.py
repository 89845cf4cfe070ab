"""A page: blocks of HTML, and the data of its charts. The file needs no network, and the browser refuses it any.

Charts are drawn by Apache ECharts: it draws every kind that reports need (lines, bars, maps, parallel coordinates), zooms and links them,
describes them to screen readers, and is one file that the page can hold. Plotly's is four times as large. Everything that comes from a
folder is escaped.
"""

import functools
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
AXES = {"turn": "turn", "moves": "moves", "gradient_evaluations": "gradient evaluations"}
"""Horizontal axes of a group of charts over the turns, and their names."""

LONG = 24
"""Letters of a cell from which its column is wide."""

Panel = dict[str, Any]
"""A chart, as `static/page.js` reads it."""


class Page:
    """A page that grows by blocks.

    Args:
        title: Of the page.
        subtitle: Beside the title.

    Example:
        >>> page = Page("ring", "finished")
        >>> page.text("All is <well>.")
        >>> "All is &lt;well&gt;." in page.html("")
        True
    """

    def __init__(self, title: str, subtitle: str = ""):
        self.title, self._head, self._body = title, f"<h1>{escape(title)}<small>{escape(subtitle)}</small></h1>", list[str]()
        self._groups: list[dict[str, Any]] = []
        self._frames: list[list[Mapping[str, Any]]] = []

    def chips(self, chips: Iterable[tuple[str, str, str]]) -> None:
        """Add numbers under the title: each a name, a text, and `good`, `bad`, `warn` or nothing."""
        items = "".join(f'<li><b class="{kind}">{escape(text)}</b><span>{escape(name)}</span></li>' for name, text, kind in chips)
        self._head += f'<ul class="chips">{items}</ul>'

    def heading(self, text: str) -> None:
        self._body.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str, kind: str = "") -> None:
        """Add a paragraph; `lead` is larger, `soft` is paler."""
        self._body.append(f'<p class="{kind}">{escape(text)}</p>')

    def notes(self, notes: Sequence[str]) -> None:
        """Add sentences that nobody should miss, such as what is missing; nothing if there are none."""
        if notes:
            self._body.append(f'<div class="notes"><ul>{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul></div>')

    def finding(self, name: str, evidence: Sequence[str], cause: str) -> None:
        """Add a finding: its name, its cause, and the numbers that show it."""
        items = "".join(f"<li>{escape(item)}</li>" for item in evidence)
        self._body.append(f'<div class="finding"><h3>{escape(name)}</h3><p>{escape(cause)}</p><ul>{items}</ul></div>')

    def commands(self, commands: Mapping[str, str]) -> None:
        """Add commands to copy, by what they do."""
        lines = (
            f'<div><span class="soft">{escape(what)}</span><pre>{escape(words)}</pre><button type="button">copy</button></div>'
            for what, words in commands.items()
        )
        self._body.append(f'<div class="commands">{"".join(lines)}</div>')

    def table(
        self, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, marked: Iterable[int] = (), sortable: bool = True, caption: str = ""
    ) -> None:
        """Add a table; numbers are written with four digits, and rows can be marked."""
        rows, chosen = [list(row) for row in rows], set(marked)
        numeric = [all(isinstance(row[i], (int, float, type(None))) for row in rows) for i in range(len(heads))]
        side = ["number" if own else "" for own in numeric]
        head = "".join(
            f'<th scope="col" class="{kind}">{f"<button type=button>{escape(name)}</button>" if sortable else escape(name)}</th>'
            for name, kind in zip(heads, side, strict=True)
        )
        body = "".join(
            f'<tr class="{"changed" if number in chosen else ""}">{"".join(map(_cell, row, side))}</tr>' for number, row in enumerate(rows)
        )
        kind = ' class="sortable"' if sortable else ""
        made = f'<div class="scroll" tabindex="0"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        self._body.append(made + (f"<figcaption>{escape(caption)}</figcaption>" if caption else ""))

    def charts(self, panels: Sequence[Panel], caption: str = "", **group: Any) -> None:
        """Add charts that are linked with each other; `group` has the data that they share."""
        number = self._group(panels, group)
        drawn = "".join(self._panel(number, place, panel) for place, panel in enumerate(panels))
        kind = "panels broad" if all(panel.get("tall") for panel in panels) else "panels"
        self._body.append(f'<div class="{kind}">{drawn}</div>')
        self._body.append(f"<figcaption>{escape(caption)}</figcaption>" if caption else "")

    def players(
        self,
        players: Mapping[str, Sequence[Panel]],
        both: Sequence[Panel],
        caption: str = "",
        frames: Sequence[Mapping[str, Any]] = (),
        **group: Any,
    ) -> None:
        """Add the charts of both players side by side, between those of both, with the controls of the horizontal axis.

        Args:
            players: The charts of each role.
            both: The other charts; the first two stand beside the pictures.
            caption: Below the charts.
            frames: Pictures over the turns.
            group: Data that the charts share: `axes`, `alarms`.
        """
        beside = 2 if frames else 0
        panels = [*both, *(panel for own in players.values() for panel in own)]
        number = self._group(panels, group)
        drawn = iter([self._panel(number, place, panel) for place, panel in enumerate(panels)])
        first, rest = ("".join(itertools.islice(drawn, count)) for count in (min(beside, len(both)), max(0, len(both) - beside)))
        self._body.append(self._bar(number, group["axes"]))
        if frames:
            self._body.append(f'<div class="hero">{self._slider(frames)}<div class="panels">{first}</div></div>')
        columns = (
            f'<section class="player" style="--own: var(--{colour})"><h3>{escape(role)}</h3>'
            f'<div class="panels">{"".join(itertools.islice(drawn, len(own)))}</div></section>'
            for (role, own), colour in zip(players.items(), ("first", "second"), strict=False)
        )
        made = [f'<div class="players">{"".join(columns)}</div>', f'<div class="panels">{rest}</div>' if rest else ""]
        self._body += made if frames else made[::-1]
        self._body.append(f"<figcaption>{escape(caption)}</figcaption>" if caption else "")

    @staticmethod
    def _bar(number: int, axes: Mapping[str, Any]) -> str:
        there = [name for name in AXES if name == "turn" or any(key.endswith(name) for key in axes)]
        choice = "".join(f'<option value="{name}">{AXES[name]}</option>' for name in there)
        parts = {"all": "0,1", "first tenth": "0,0.1", "first half": "0,0.5", "second half": "0.5,1", "last tenth": "0.9,1"}
        ranges = "".join(f'<option value="{value}">{name}</option>' for name, value in parts.items())
        return (
            f'<div class="bar"><label>against <select data-axis="{number}">{choice}</select></label>'
            f'<label>show <select data-range="{number}">{ranges}</select></label>'
            f'<label><input type="checkbox" data-linear="{number}"> linear scales</label>'
            f'<span class="soft">ctrl + wheel zooms, shift + drag moves</span><output data-group="{number}"></output></div>'
        )

    def strip(self, titles: Sequence[str], frames: Sequence[Mapping[str, Any]]) -> None:
        """Add pictures side by side that one slider moves: frames as those of `players`, with an image for each title."""
        self._body.append(self._slider(frames, titles))

    def _slider(self, frames: Sequence[Mapping[str, Any]], titles: Sequence[str] = ("",)) -> str:
        """Return a slider through frames, each with its `turn` and its `images`, which have `src` and `alt`."""
        number, last = len(self._frames), len(frames) - 1
        self._frames.append([*frames])
        images = "".join(f"<figure>{f'<h3>{escape(title)}</h3>' if title else ''}<img alt=''></figure>" for title in titles)
        control = f'<input type="range" min="0" max="{last}" value="{last}" aria-label="turn of the picture"{"" if last else " hidden"}>'
        kind = "slider several" if len(titles) > 1 else "slider"
        row = f'<div class="row">{control}<output></output></div>'
        return f'<div class="{kind}" data-frames="{number}"><div class="images">{images}</div>{row}</div>'

    def sheet(self, pictures: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Add pictures side by side, each with its title."""
        figures = (
            f'<figure><h3>{escape(title)}</h3><img src="{escape(str(picture["src"]))}" alt="{escape(str(picture["alt"]))}"></figure>'
            for title, picture in pictures
        )
        self._body.append(f'<div class="sheet">{"".join(figures)}</div>')

    def details(self, summary: str) -> "_Details":
        """Return a context whose blocks are folded up under a summary."""
        return _Details(self._body, summary)

    def html(self, foot: str) -> str:
        """Return the page."""
        data = json.dumps({"groups": self._groups, "frames": self._frames}, separators=(",", ":"), allow_nan=False)
        parts = {"title": escape(self.title), "head": self._head, "body": "\n".join(self._body), "foot": escape(foot)}
        parts |= {"data": data.replace("<", "\\u003c"), "css": _static("page.css"), "js": _static("page.js")}
        parts |= {"echarts": _static("echarts.min.js")}
        text = _static("page.html")
        pieces = text.split("{{")
        return pieces[0] + "".join(parts[name] + rest for name, _, rest in (piece.partition("}}") for piece in pieces[1:]))

    def _group(self, panels: Sequence[Panel], group: Mapping[str, Any]) -> int:
        self._groups.append({**group, "panels": [*panels]})
        return len(self._groups) - 1

    @staticmethod
    def _panel(group: int, place: int, panel: Panel) -> str:
        size = " ".join(name for name in ("tall", "wide") if panel.get(name))
        title, chart = escape(str(panel["title"])), f'<div class="chart" role="img" data-group="{group}" data-panel="{place}"'
        return f'<figure class="panel {size}"><h3>{title}</h3>{chart} aria-label="{title}"></div></figure>'


class _Details:
    def __init__(self, body: list[str], summary: str):
        self._body, self._summary = body, summary

    def __enter__(self) -> None:
        self._body.append(f"<details><summary>{escape(self._summary)}</summary>")

    def __exit__(self, *error: object) -> None:
        self._body.append("</details>")


def number(value: float | None) -> str:
    """Return a number as a reader wants it.

    Example:
        >>> [number(value) for value in (0.123456, 12000, None, 2.5e-7)]
        ['0.1235', '12,000', '–', '2.5e-07']
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def _cell(value: Any, kind: str) -> str:
    if isinstance(value, (int, float)) or value is None:
        exact = "" if value is None or not math.isfinite(value) else f' data-value="{value!r}"'
        return f'<td class="{kind or "number"}"{exact}>{number(value)}</td>'
    text = str(value)
    return f"<td{' class=long' if len(text) > LONG else ''}>{escape(text)}</td>"


@functools.cache
def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
