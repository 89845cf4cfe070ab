"""Building what a word names: a diagnostic or an alarm, with or without arguments, as in `spectrum(mode=arnoldi,top=8)`."""

import functools
import inspect
import re
from argparse import ArgumentError
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jsonargparse import ArgumentParser

from arena.errors import ArenaError, BadSetting, UnknownName, did_you_mean
from arena.registry.grammar import parse
from arena.registry.lookup import lookup


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
    called, given = parse(word)
    entry = lookup(kind, called)
    arguments = _arguments(entry.target, entry.name, tuple(given.items()))
    try:
        return entry.name, entry.target(**arguments)
    except BadSetting as error:
        raise error.prefixed(entry.name) from None


@functools.cache
def _arguments(target: Callable[..., Any], name: str, given: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    """All arguments by name, those that are given in their types: read once, since a thousand runs may name the same."""
    parser = ArgumentParser(exit_on_error=False, default_env=False)
    if inspect.signature(target).parameters:
        parser.add_class_arguments(target, None, as_group=False)
    known = parser.get_defaults().as_dict()
    for argument, _ in given:
        if argument not in known:
            raise UnknownName(f"argument of {name}", argument, known)
    try:
        return MappingProxyType(parser.parse_args([f"--{argument}={value}" for argument, value in given]).as_dict())
    except ArgumentError as error:
        raise ArenaError(f"{name}.{kind_error(str(error), known, dict(given))}") from error


def kind_error(text: str, known: Mapping[str, Any], said: Mapping[str, str]) -> ArenaError:
    """Return jsonargparse's message as one sentence, with values as they were typed.

    Args:
        text: the message.
        known: an example value of each argument.
        said: the typed text of each argument.
    """
    key = re.search(r'Parser key "([^"]+)"', text)
    expected = re.findall(r"Expected an? (.+?)\. Got value: (.*)", text)
    if key and expected:
        kind = expected[0][0].replace("typing.", "").replace("<class '", "").replace("'>", "")
        choices = re.search(r"Literal\[(.*)\]", kind)
        found = said.get(key[1], expected[0][1])
        if choices:
            words = [w.strip(" '\"") for w in choices[1].split(",")]
            return ArenaError(f"{key[1]} is '{found}': {did_you_mean(found, words)}")
        example = known.get(key[1])
        in_words = {"int": "a whole number", "float": "a finite number", "bool": "true or false"}
        if isinstance(example, (list, tuple)):
            wanted = f"numbers such as {','.join(map(str, example))}" if example else "a list such as a,b,c"
            return ArenaError(f"{key[1]} is '{found}', but must be {wanted}")
        return ArenaError(f"{key[1]} is '{found}', but must be {in_words.get(kind, kind)}, such as {example}")
    return ArenaError(" ".join(text.split()))
