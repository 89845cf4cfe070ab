"""Parts that packages announce by entry points: executors, reports, readers of trials, formats of exported players."""

import contextlib
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from arena.errors import ArenaError, UnknownName


def plug_in(group: str, kind: str, name: str, extra: str = "tuning") -> Any:
    """Return what an entry point names.

    Args:
        group: of the entry points.
        kind: noun for error messages, such as backend.
        name: of the entry point.
        extra: of this package, which installs what is missing.

    Raises:
        UnknownName: if no installed package offers it.
        ArenaError: if it needs a package that is missing.

    Example:
        >>> plug_in("arena.executors", "backend", "in-place").__name__
        'play'
        >>> plug_in("arena.executors", "backend", "proceses")
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown backend 'proceses': did you mean 'processes'?
    """
    there = {point.name: point for point in entry_points(group=group)}
    if name not in there:
        raise UnknownName(kind, name, there)
    with installed(f"the {kind} {name}", extra):
        return there[name].load()


@contextlib.contextmanager
def installed(what: str, extra: str = "tuning") -> Iterator[None]:
    """Raise ArenaError if an import inside finds a package missing, with the extra that installs it."""
    try:
        yield
    except ImportError as error:
        lacks = error.name or error
        raise ArenaError(f"{what} needs {lacks}, which is not installed; type: pip install -e '.[{extra}]'") from error
