"""Write the report of a folder: of a run, of an experiment of any kind, or of several runs side by side."""

import time
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from arena.errors import ArenaError, typed
from arena.report.page import Page
from arena.report.run import RunReport, foot
from arena.runs.folders import check_own
from arena.trace.writing import write_whole

FILE = "report.html"


def write_report(folders: Sequence[str | Path], out: str | Path | None = None) -> Path:
    """Write one self-contained page of HTML and return its path.

    Args:
        folders: A run folder, that of an experiment, or several run folders, which are laid over each other.
        out: The file; by default `report.html` in the folder, or in the working folder for several.

    Raises:
        ArenaError: If a folder is none of these.

    Example:
        >>> import arena, tempfile
        >>> run = arena.play("bilinear", turns=40, out=tempfile.mkdtemp() + "/run", display=False, **{"trace.tensorboard": False})
        >>> write_report([run.folder]).name
        'report.html'
    """
    began, places = time.monotonic(), [Path(folder) for folder in folders]
    if not places:
        raise ArenaError("a report needs a folder; give one that `arena play` or an experiment named")
    page = _page_of(places[0]) if len(places) == 1 else _overlay(places)
    target = Path(out) if out is not None else (places[0] if len(places) == 1 else Path()) / FILE
    try:
        write_whole(target, page.html(foot(time.monotonic() - began)))
    except OSError as error:
        again = f"arena report {typed(places[0])} --out ELSEWHERE.html"
        raise ArenaError(f"{target} cannot be written ({error.strerror}). Fix: {again}") from error
    return target


def write(folder: Path) -> Path:
    """Write the report of one folder when its run or experiment has ended, and return its path."""
    return write_report([folder])


def _page_of(folder: Path) -> Page:
    if not folder.is_dir():
        raise ArenaError(f"{folder} is no folder; give one that `arena play` or an experiment named")
    check_own(folder)
    for point in entry_points(group="arena.pages"):
        if (folder / point.name).is_file():
            page: Page = point.load()(folder)
            return page
    _check_run(folder)
    return RunReport(folder).page()


def _overlay(folders: Sequence[Path]) -> Page:
    from arena.report.overlay import overlay

    for folder in folders:
        check_own(folder)
        _check_run(folder)
    return overlay([RunReport(folder) for folder in folders])


def _check_run(folder: Path) -> None:
    if not any((folder / name).is_file() for name in ("config.yaml", "trace.jsonl")):
        raise ArenaError(f"{folder} has neither config.yaml nor trace.jsonl; give a folder that `arena play` or an experiment named")
