"""Settings as data: nested or dotted, from YAML, Python or the command line, brought to one form.

Short forms (`rule: extragradient`, `rule: extragradient(gamma=0.5)`, `coupling: 0.5`, `--generator mlp`) are written out: a component's
choice stands under its `key`, the arguments of what was chosen beside it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from arena.errors import ArenaError
from arena.registry import grammar as calls

Settings = dict[str, Any]

_CHOICE = ""  # where a component's short form waits while its arguments stand beside it, as in `rule` with `rule.gamma`


@dataclass(frozen=True)
class Component:
    """A setting that chooses a class or function whose arguments become settings too.

    Args:
        key: dotted name of the choice in the configuration, such as `rule.name` or `generator.optimizer`.
        short: what the command line also accepts for it, such as `rule`.
        kind: what is chosen, as in `arena.registry`.
        prefix: where the arguments of what is chosen stand.
    """

    key: str
    short: str
    kind: str
    prefix: str


def load_file(path: str | Path) -> Settings:
    """A configuration file as nested data.

    Raises:
        ArenaError: where it cannot be read or is not a mapping.
    """
    text = ""
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = yaml.safe_load(text)
    except OSError as error:
        raise ArenaError(f"the config file {path} cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = _place(text, getattr(error, "problem_mark", None))
        raise ArenaError(f"the config file {path} is not valid YAML{where}; mend it there") from error
    if data is None:
        raise ArenaError(f"the config file {path} is empty, but must hold settings such as 'turns: 1000'")
    if not isinstance(data, dict):
        raise ArenaError(f"the config file {path} holds a {type(data).__name__}, but must hold settings such as 'turns: 1000'")
    return data


def _place(text: str, mark: yaml.Mark | None) -> str:
    """Where a file is wrong; what only its end shows is wrong at the end of its last words, not on an empty line below.

    Example:
        >>> _place("turns: [1\\n", yaml.Mark("", 10, 1, 0, None, None))
        ' (line 1, column 10)'
    """
    if mark is None:
        return ""
    before = text[: mark.index] if text[mark.index :].strip() else text.rstrip()
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f" (line {line}, column {column})"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Settings:
    """Nested settings by dotted name.

    Example:
        >>> flatten({"rule": {"name": "simultaneous"}, "turns": 3})
        {'rule.name': 'simultaneous', 'turns': 3}
    """
    flat: Settings = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def normal(settings: Mapping[str, Any], components: list[Component]) -> Settings:
    """Nested settings with the short forms written out: `rule: extragradient`, `coupling: 0.5`, `generator.lr: 1e-3`."""
    nested: Settings = {}
    for name, value in settings.items():
        put(nested, name, normal(value, []) if isinstance(value, Mapping) else value)
    for component in components:
        value, found = get(nested, component.short)
        if isinstance(value, dict):
            found = _CHOICE in value
            value = value.pop(_CHOICE, None)
        elif found:
            drop(nested, component.short)
        if found:
            if isinstance(value, str) and calls.called(value):
                value, inside = calls.parse(value)
                for name, text in inside.items():
                    put(nested, f"{component.prefix}.{name}", yaml.safe_load(text))
            if component.kind == "schedule" and isinstance(value, (int, float)) and not isinstance(value, bool):
                put(nested, component.key, "constant")
                put(nested, f"{component.prefix}.value", float(value))
            else:
                put(nested, component.key, value)
    return nested


def named_in(settings: Mapping[str, Any], arguments: Sequence[str]) -> set[str]:
    """The dotted names of the settings that were given, in either way.

    Example:
        >>> sorted(named_in({"rule": {"steps": 2}}, ["--x.lr", "0.1", "--until-solved=false"]))
        ['rule.steps', 'until_solved', 'x.lr']
    """
    return {*flatten(settings), *(word[2:].partition("=")[0].replace("-", "_") for word in arguments if word.startswith("--"))}


def moved_by_rules(settings: Mapping[str, Any], given: Collection[str], varied: Collection[str]) -> dict[str, Any]:
    """Settings under which rules can be compared: where they vary, it is the rule that says how both players move, unless the scheduler was
    given or varies.

    Example:
        >>> moved_by_rules({"turns": 9}, {"turns"}, ["rule"]), moved_by_rules({}, {"scheduler.ratio"}, ["rule"])
        ({'turns': 9, 'scheduler': 'simultaneous'}, {})
    """
    scheduled = any(name.partition(".")[0] == "scheduler" for name in (*given, *varied))
    return {**settings, "scheduler": "simultaneous"} if "rule" in varied and not scheduled else dict(settings)


def normal_arguments(arguments: Sequence[str], components: list[Component]) -> list[tuple[str, str]]:
    """Command-line options as (setting, value) with the short forms written out."""
    shorts = {c.short: c for c in components}
    typed: list[tuple[str, str]] = []
    rest = [a for a in arguments if a not in ("-h", "--help")]
    while rest:
        option = rest.pop(0)
        if not option.startswith("--"):
            raise ArenaError(f"'{option}' is not an option; options look like --turns 1000")
        name, given, value = option[2:].partition("=")
        name = name.replace("-", "_")
        if not given:
            if not rest or rest[0].startswith("--"):
                raise ArenaError(f"--{name} has no value; write --{name} VALUE")
            value = rest.pop(0)
        component = shorts.get(name)
        if component is not None and calls.called(value):
            value, inside = calls.parse(value)
            typed += normal_arguments([f"--{component.prefix}.{name}={text}" for name, text in inside.items()], components)
        if component is not None and component.kind == "schedule" and re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?|[-+]?nan|[-+]?inf", value):
            typed += [(component.key, "constant"), (f"{component.prefix}.value", value)]
        else:
            typed.append((component.key if component is not None else name, value))
    return typed


def get(nested: Mapping[str, Any], key: str) -> tuple[Any, bool]:
    for part in key.split("."):
        if not isinstance(nested, Mapping) or part not in nested:
            return None, False
        nested = nested[part]
    return nested, True


def put(nested: Settings, key: str, value: Any) -> None:
    *path, last = key.split(".")
    for part in path:
        inner = nested.setdefault(part, {})
        if not isinstance(inner, dict):
            nested[part] = inner = {_CHOICE: inner}
        nested = inner
    there = nested.get(last)
    if isinstance(value, Mapping) and isinstance(there, dict):
        for name, inside in value.items():
            put(there, name, inside)
    elif isinstance(value, Mapping) and there is not None:
        nested[last] = {_CHOICE: there, **value}
    elif isinstance(there, dict):
        there[_CHOICE] = value
    else:
        nested[last] = dict(value) if isinstance(value, Mapping) else value


def drop(nested: Settings, key: str) -> None:
    *path, last = key.split(".")
    for part in path:
        nested = nested[part]
    nested.pop(last, None)


def plain(value: Any) -> Any:
    """Tuples as lists, so that YAML stays plain."""
    if isinstance(value, Mapping):
        return {name: plain(inside) for name, inside in value.items()}
    return [plain(v) for v in value] if isinstance(value, (tuple, list)) else value
