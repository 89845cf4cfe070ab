"""Building what a word names: a diagnostic or an alarm, with or without arguments, as in `spectrum(mode=arnoldi,top=8)`."""

import inspect
from argparse import ArgumentError
from typing import Any

from jsonargparse import ArgumentParser

from arena.calls import parse
from arena.errors import ArenaError, BadSetting, UnknownName
from arena.registry import lookup


def build(kind: str, word: str) -> tuple[str, Any]:
    """The name of a thing and the thing itself.

    Args:
        kind: diagnostic or alarm.
        word: its name, with or without arguments.

    Raises:
        UnknownName: for an unknown name or argument, with the nearest one.
        ArenaError: for an argument of the wrong type or out of its range.

    Example:
        >>> build("diagnostic", "spectrum(mode=arnoldi, top=8)")[1].top
        8
        >>> build("diagnostic", "spectrum(topp=8)")
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown argument of spectrum 'topp': did you mean 'top'?
    """
    from arena.config import _kind_error

    called, given = parse(word)
    entry = lookup(kind, called)
    parser = ArgumentParser(exit_on_error=False, default_env=False)
    if inspect.signature(entry.target).parameters:
        parser.add_class_arguments(entry.target, None, as_group=False)
    known = parser.get_defaults().as_dict()
    for argument in given:
        if argument not in known:
            raise UnknownName(f"argument of {entry.name}", argument, known)
    try:
        arguments = parser.parse_args([f"--{name}={value}" for name, value in given.items()]).as_dict()
    except ArgumentError as error:
        raise ArenaError(f"{entry.name}.{_kind_error(str(error), known)}") from error
    try:
        return entry.name, entry.target(**arguments)
    except BadSetting as error:
        raise error.prefixed(entry.name) from None
