"""Read configuration files: plain YAML whose keys are names, each once."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from arena.errors import ArenaError, cause
from arena.registry import trust
from arena.trace.reading import read_text

DEEPEST, MOST = 12, 1_000_000
"""Largest depth and number of values of a file."""


class _Loader(yaml.SafeLoader):
    """Refuses keys that are no names, and those that come twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, (key, (place, _)) in enumerate(zip(keys, node.value, strict=True)):
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(problem=f"{str(key)[:40]!r} is no name of a setting", problem_mark=place.start_mark)
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(problem=f"'{key[:40]}' is set twice", problem_mark=place.start_mark)
        return super().construct_mapping(node, deep)


def load_file(path: str | Path) -> dict[str, Any]:
    """Return a configuration file as nested data; code that its folder was signed for may be imported.

    Raises ArenaError if it is no regular file, no plain YAML, or holds no settings.
    """
    text = ""
    try:
        text = read_text(path)
        data = yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
        _count(data)
    except OSError as error:
        raise ArenaError(f"the config file {path} cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        wrong = getattr(error, "problem", None) if isinstance(error, yaml.constructor.ConstructorError) else None
        where = _place(text, getattr(error, "problem_mark", None))
        deep = "nested too deeply" if isinstance(error, RecursionError) else f"not valid YAML{where}"
        raise ArenaError(f"the config file {path} is {f'wrong: {wrong}{where}' if wrong else deep}; fix it there") from error
    if not isinstance(data, dict):
        holds = "is empty" if data is None else f"holds a {type(data).__name__}"
        raise ArenaError(f"the config file {path} {holds}, but must hold settings such as 'turns: 1000'")
    trust.admit(Path(path).parent)
    return data


@contextlib.contextmanager
def parts_of(path: str | Path, what: str, again: str) -> Iterator[None]:
    """Raise ArenaError if a file lacks a part that is read in the block, or has one of another type.

    Example:
        >>> with parts_of("sweep.yaml", "the plan of a sweep", "sweep again"):
        ...     {}["space"]
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: sweep.yaml is not the plan of a sweep (KeyError: 'space'). Fix: restore it, or sweep again
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ArenaError(f"{path} is not {what} ({cause(error)}). Fix: restore it, or {again}") from error


def _count(value: Any, depth: int = 0, counted: int = 0) -> int:
    """Return how many values there are; raise RecursionError if they are too many or too deep, as aliases can make them."""
    if depth > DEEPEST or counted > MOST:
        raise RecursionError
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for part in inside:
        counted = _count(part, depth + 1, counted + 1)
    return counted


def _place(text: str, mark: yaml.Mark | None) -> str:
    """Return the place of a syntax error; an error at the end of the text is placed after the last word.

    Example:
        >>> _place("turns: [1\\n", yaml.Mark("", 10, 1, 0, None, None))
        ' (line 1, column 10)'
    """
    if mark is None:
        return ""
    before = text[: mark.index] if text[mark.index :].strip() else text.rstrip()
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f" (line {line}, column {column})"
