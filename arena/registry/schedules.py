"""Schedules from their names, as in `linear(start=1, end=0.1)`; the schedules themselves are in `arena/schedules.py`."""

import functools
import math

from arena.errors import BadSetting, UnknownName
from arena.registry.grammar import parse
from arena.registry.lookup import lookup
from arena.registry.signature import parameters_of
from arena.schedules import Schedule


def named(setting: str, text: str) -> Schedule:
    """Return the schedule of that name, with or without arguments, as in `linear(start=1, end=0.1)`.

    Args:
        setting: name of the setting, for messages.
        text: name of the schedule, with or without arguments.

    Raises:
        UnknownName: for an unknown schedule or argument, with the nearest one.
        BadSetting: if an argument is not a number, or if the schedule falls below 0.

    Example:
        >>> named("level", "linear(end=0.5)")(0.5)
        0.75
        >>> named("level", "linaer")
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown schedule 'linaer': did you mean 'linear'?
    """
    name, given = parse(text)
    schedule = lookup("schedule", name)
    known = {argument: p for argument, p in parameters_of(schedule.target).items() if argument != "progress"}
    numbers = {}
    for argument, value in given.items():
        if argument not in known:
            raise UnknownName(f"argument of {schedule.id}", argument, known)
        try:
            numbers[argument] = type(known[argument].default)(value)
        except ValueError:
            raise BadSetting(f"{setting}: {argument}", value, f"a number such as {known[argument].default}") from None
    made = functools.partial(schedule.target, **numbers)
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        if not 0 <= made(progress) < math.inf:
            raise BadSetting(setting, text, f"a schedule that is never below 0, unlike at progress {progress:g}")
    return made
