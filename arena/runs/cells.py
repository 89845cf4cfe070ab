"""HTML for the cells of a notebook: tables and pictures."""

import base64
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

WIDTH = 420
"""Width of a picture in pixels."""


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, which has imported IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """Return a table of texts and numbers; empty rows are left out.

    Example:
        >>> table([("score", 0.12345)])
        '<table><tr><td>score</td><td>0.1235</td></tr></table>'
    """
    lines = ["".join(f"<th>{escape(name)}</th>" for name in head)] if head else []
    lines += ["".join(f"<td>{escape(shown(cell))}</td>" for cell in row) for row in rows if row]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def shown(value: object) -> str:
    """Return a value as text: numbers with four digits, nothing as a dash."""
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def picture(file: Path, width: int = WIDTH) -> str:
    """Return a PNG or GIF as an image within the page; nothing if there is none."""
    if not file.is_file():
        return ""
    kind = file.suffix.lstrip(".")
    return f'<img width="{width}" alt="{escape(file.stem)}" src="data:image/{kind};base64,{base64.b64encode(file.read_bytes()).decode()}">'
