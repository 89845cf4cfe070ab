"""The interface of the backends of a sweep, and where they are found."""

import importlib
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from arena.errors import check_choice
from arena.experiments.ledger import TrialRecord
from arena.registry.lookup import is_path, lookup
from arena.registry.plug_ins import installed, plug_in
from arena.tuning import backends

Tell = Callable[[TrialRecord], None]
"""Takes the record of each trial that has ended."""


class Backend(Protocol):
    """The function `play` of a file in `tuning/backends/`, or that of an entry point in the group `arena.backends`."""

    def __call__(self, sweep: Any, folder: Path, workers: int, tell: Tell) -> None:
        """Play the trials that have no record in the folder, and write a record of each.

        Args:
            sweep: the plan, an `arena.tuning.plan.Sweep`.
            folder: of the sweep.
            workers: processes.
            tell: called with every record, also with those that were there before.

        Raises:
            RunFailed: if workers keep dying or a disk is full. Trials that have ended are kept.
            KeyboardInterrupt: after Ctrl-C. Trials that have ended are kept.
        """


def files() -> list[str]:
    """Return the names of the files in `tuning/backends/` that define `play(sweep, …)`, without importing them.

    Example:
        >>> files()
        ['optuna', 'population', 'ray']
    """
    there = [file for folder in backends.__path__ for file in Path(folder).glob("*.py")]
    return sorted(file.stem for file in there if re.search(r"^def play\(sweep\b", file.read_text(encoding="utf-8"), re.MULTILINE))


def check_backend(name: str) -> None:
    """Raise ArenaError if there is no such backend; one may be named by its import path or file."""
    if is_path(name):
        lookup("backend", name)
        return
    check_choice("backend", name, [*files(), *(point.name for point in entry_points(group="arena.backends"))])


def backend(name: str) -> Backend:
    """Return a backend by its name, import path or file.

    Raises:
        UnknownName: if there is none.
        ArenaError: if it needs a package that is missing.
    """
    check_backend(name)
    if is_path(name):
        return cast("Backend", lookup("backend", name).target)
    if name not in files():
        return cast("Backend", plug_in("arena.backends", "backend", name))
    with installed(f"the backend {name}"):
        return cast("Backend", importlib.import_module(f"{backends.__name__}.{name}").play)
