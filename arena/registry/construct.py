"""Build what a word names: `name`, or `name(argument=value, …)` as in `spectrum(mode=arnoldi, top=8)`."""

import contextlib
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arena.errors import ArenaError, BadSetting, UnknownName
from arena.registry.entries import Entry, entries
from arena.registry.grammar import parse
from arena.registry.lookup import lookup
from arena.registry.signature import settings_of
from arena.registry.values import value_of
from arena.schedules import Schedule


def construct(kind: str, word: str) -> tuple[str, Any]:
    """Return the name of a thing and the thing itself.

    Args:
        kind: What is built, such as diagnostic or alarm.
        word: Its name, with or without arguments.

    Raises:
        UnknownName: For an unknown name or argument, with the nearest one.
        ArenaError: For an argument of the wrong type or out of its range.

    Example:
        >>> construct("diagnostic", "spectrum(mode=arnoldi, top=8)")[1].top
        8
        >>> construct("diagnostic", "spectrum(topp=8)")
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown argument of spectrum 'topp': did you mean 'top'?
    """
    entry, arguments = _read(kind, word)
    with prefixed(entry.name):
        return entry.name, entry.target(**arguments)


def construct_all(kind: str, words: Sequence[str]) -> dict[str, Any]:
    """Return things of one kind by name.

    Args:
        kind: What is built.
        words: Each a name with or without arguments; `all` stands for every name there is, `none` for no name.

    Raises:
        ArenaError: As for `construct`, and if a name is given twice.

    Example:
        >>> sorted(construct_all("alarm", ["stall(share=0.5)", "collapse"])), construct_all("alarm", ["none"])
        (['collapse', 'stall'], {})
    """
    every: dict[str, Sequence[str]] = {"all": list(entries(kind)), "none": ()}
    found: dict[str, Any] = {}
    for one in [one for word in words for one in every.get(word, (word,))]:
        name, thing = construct(kind, one)
        if name in found:
            raise ArenaError(f"the {kind} '{name}' is named twice. Fix: leave one out")
        found[name] = thing
    return found


def construct_schedule(setting: str, word: str) -> Schedule:
    """Return the schedule of a name, with its arguments filled in.

    Args:
        setting: Name of the setting, for messages.
        word: Name of the schedule, with or without arguments.

    Raises:
        UnknownName: For an unknown schedule or argument, with the nearest one.
        BadSetting: If an argument is not a number, or if the schedule falls below 0.

    Example:
        >>> construct_schedule("level", "linear(end=0.5)")(0.5)
        0.75
        >>> construct_schedule("level", "linaer")
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown schedule 'linaer': did you mean 'linear'?
    """
    schedule = bind_schedule(setting, *_read("schedule", word))
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        if not 0 <= schedule(progress) < math.inf:
            raise BadSetting(setting, word, f"a schedule that is never below 0, unlike at progress {progress:g}")
    return schedule


def bind_schedule(place: str, entry: Entry, arguments: Mapping[str, Any]) -> Schedule:
    """Return a schedule with its arguments filled in. They are checked here, so that a call in a turn is a call of the schedule alone.

    Raises:
        BadSetting: With the place of the setting, if an argument is out of its range.
    """
    schedule = functools.partial(entry.target, **arguments)
    with prefixed(place):
        schedule(0.0)
    return schedule


@contextlib.contextmanager
def prefixed(place: str) -> Iterator[None]:
    """Put the place of a setting before its name if its value is refused inside."""
    try:
        yield
    except BadSetting as error:
        raise error.prefixed(place) from None


def _read(kind: str, word: str) -> tuple[Entry, Mapping[str, Any]]:
    name, texts = parse(word)
    entry = lookup(kind, name)
    return entry, _typed(entry, tuple(texts.items()))


@functools.lru_cache(maxsize=4096)
def _typed(entry: Entry, texts: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    """Return arguments in their types; cached, because a thousand runs may name the same."""
    known = settings_of(entry.target)
    for argument, _ in texts:
        if argument not in known:
            raise UnknownName(f"argument of {entry.name}", argument, known)
    return {argument: value_of(f"{entry.name}.{argument}", known[argument], text) for argument, text in texts}
