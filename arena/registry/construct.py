"""Build components from `name` or `name(argument=value, …)`, as in `spectrum(mode=arnoldi, top=8)`."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from arena.errors import ArenaError, BadSetting, UnknownName
from arena.registry.entries import Entry, entries
from arena.registry.grammar import parse
from arena.registry.lookup import lookup
from arena.registry.signature import rules_in, settings_of
from arena.registry.values import value_of
from arena.schedules import Schedule


def construct_all(kind: str, words: Sequence[str]) -> dict[str, Any]:
    """Return components of one kind, such as diagnostic or alarm, by name.

    Each word is a name with or without arguments; `all` stands for every name, `none` for no name.

    Raises:
        UnknownName: Unknown name or argument; the error gives the nearest one.
        ArenaError: An argument has the wrong type or is out of its range, or a name is repeated.

    Example:
        >>> construct_all("diagnostic", ["spectrum(mode=arnoldi, top=8)"])["spectrum"].top, construct_all("alarm", ["none"])
        (8, {})
        >>> construct_all("diagnostic", ["spectrum(topp=8)"])
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown argument of spectrum 'topp': did you mean 'top'?
    """
    components: dict[str, Any] = {}
    for word in words:
        every: list[tuple[Entry, Mapping[str, Any]]] = [(entry, {}) for entry in entries(kind).values()] if word == "all" else []
        for entry, arguments in every if word in ("all", "none") else [_read(kind, word)]:
            name = entry.name
            if name in components:
                raise ArenaError(f"the {kind} '{name}' is named twice. Fix: leave one out")
            components[name] = call(name, entry.target, **arguments)
    return components


def construct_schedule(setting: str, word: str) -> Schedule:
    """Return the schedule of a word, such as `linear(end=0.5)`; raise BadSetting if the schedule falls below 0.

    Example:
        >>> construct_schedule("level", "linear(end=0.5)")(0.5)
        0.75
    """
    schedule = bind_schedule(setting, *_read("schedule", word))
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        if not 0 <= schedule(progress) < math.inf:
            raise BadSetting(setting, word, f"a schedule that is never below 0, unlike at progress {progress:g}")
    return schedule


def bound(kind: str, word: str) -> Callable[..., Any]:
    """Return the class or function of a word with the arguments that the word gives; a rule may wrap another rule.

    Example:
        >>> type(bound("rule", "averaging(inner=optimistic(first=zero))")().inner).__name__
        'Optimistic'
        >>> import torch
        >>> bound("optimizer", "sgd(lr=0.5)")([torch.nn.Parameter(torch.ones(1))]).param_groups[0]["lr"]
        0.5
    """
    name, texts = parse(word)
    entry = lookup(kind, name)
    wrapped = {place: call(place, bound(kind, texts.pop(place))) for place in rules_in(entry.target) if place in texts}
    return functools.partial(entry.target, **_typed(entry, tuple(texts.items())), **wrapped)


def bind_schedule(place: str, entry: Entry, arguments: Mapping[str, Any]) -> Schedule:
    """Return a schedule with its arguments filled in and checked, so that a call in a turn is a call of the schedule alone."""
    schedule = functools.partial(entry.target, **arguments)
    call(place, schedule, 0.0)
    return schedule


def call(place: str, target: Callable[..., Any], /, *values: Any, **arguments: Any) -> Any:
    """Return `target(*values, **arguments)`; a BadSetting is raised with the place of the setting before its name."""
    try:
        return target(*values, **arguments)
    except BadSetting as error:
        raise error.prefixed(place) from None


def _read(kind: str, word: str) -> tuple[Entry, Mapping[str, Any]]:
    name, texts = parse(word)
    entry = lookup(kind, name)
    return entry, _typed(entry, tuple(texts.items())) if texts else {}


@functools.lru_cache(maxsize=4096)
def _typed(entry: Entry, texts: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    """Return arguments in their types; cached, because thousands of runs may use the same words."""
    known = settings_of(entry.target)
    for argument, _ in texts:
        if argument not in known:
            raise UnknownName(f"argument of {entry.name}", argument, known)
    return {argument: value_of(f"{entry.name}.{argument}", known[argument], text) for argument, text in texts}
