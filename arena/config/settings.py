"""Settings as data, from YAML, Python or the command line: dictionaries by dotted name.

Short forms (`rule: extragradient(gamma=0.5)`, `coupling: 0.5`, `--generator mlp`) are written out: the choice of a component stands under
its `key`, the arguments of the choice under its `prefix`.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from arena.errors import ArenaError, CheckpointUnusable, shown
from arena.registry.grammar import parse

Settings = dict[str, Any]

DEEPEST = 12
"""Largest depth of nested settings."""
_NUMBER = re.compile(r"[-+]?[\d.]+([eE][-+]?\d+)?|[-+]?nan|[-+]?inf")


@dataclass(frozen=True)
class Component:
    """A setting that chooses a class or function whose arguments become settings too.

    Args:
        key: Dotted name of the choice in the configuration, such as `rule.name` or `generator.optimizer`.
        short: Short name of the choice, such as `rule`.
        kind: Kind of the choice in the registry.
        prefix: Place of the arguments of the choice.
    """

    key: str
    short: str
    kind: str
    prefix: str


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return nested settings by dotted name.

    Example:
        >>> flatten({"rule": {"name": "simultaneous"}, "turns": 3})
        {'rule.name': 'simultaneous', 'turns': 3}
    """
    flat: Settings = {}
    if prefix.count(".") > DEEPEST:
        raise ArenaError(f"the settings '{prefix}' are nested too deeply. Expected at most {DEEPEST} levels")
    for name, value in settings.items():
        if not isinstance(name, str):
            raise ArenaError(f"{shown(name)} is no name of a setting. Expected text, such as '{prefix}turns'. Fix: put it in quotes")
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def nest(flat: Mapping[str, Any]) -> Settings:
    """Return settings by dotted name as nested data.

    Example:
        >>> nest({"rule.name": "simultaneous", "turns": 3, "rule.gamma": 1.0})
        {'rule': {'name': 'simultaneous', 'gamma': 1.0}, 'turns': 3}
    """
    nested: Settings = {}
    for name, value in flat.items():
        place, (*path, last) = nested, name.split(".")
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return nested


def plain(value: Any) -> Any:
    """Return tuples as lists, at any depth, so that YAML stays plain."""
    if isinstance(value, Mapping):
        return {name: plain(inside) for name, inside in value.items()}
    return [plain(inside) for inside in value] if isinstance(value, (tuple, list)) else value


def normal(pairs: Iterable[tuple[str, Any]], components: Sequence[Component]) -> Settings:
    """Return settings by dotted name with the short forms written out; of two values for one setting, the later one wins.

    Example:
        >>> rule = Component("rule.name", "rule", "rule", "rule")
        >>> normal([("rule", "unrolled(steps=3)"), ("turns", 7), ("rule.steps", 4)], [rule])
        {'rule.steps': 4, 'rule.name': 'unrolled', 'turns': 7}
    """
    by_short = {component.short: component for component in components}
    flat: Settings = {}
    for name, given in pairs:
        component, value = by_short.get(name), given
        if component is None:
            flat[name] = value
            continue
        if isinstance(value, str) and (value.endswith(")") or value.count("(") != value.count(")")):
            value, inside = parse(value)
            flat |= normal([(f"{component.prefix}.{argument}", text) for argument, text in inside.items()], components)
        is_number = _NUMBER.fullmatch(value) if isinstance(value, str) else isinstance(value, (int, float)) and not isinstance(value, bool)
        if component.kind == "schedule" and is_number:
            flat |= {component.key: "constant", f"{component.prefix}.value": value}
        else:
            flat[component.key] = value
    return flat


def of_both(pairs: Iterable[tuple[str, Any]], roles: Sequence[str]) -> list[tuple[str, Any]]:
    """Return pairs of a setting and its value in which a setting of both players, such as `*.lr`, is one of each.

    Example:
        >>> of_both([("*.lr", 0.1), ("turns", 3)], ("x", "y"))
        [('x.lr', 0.1), ('y.lr', 0.1), ('turns', 3)]
    """
    return [(n, value) for name, value in pairs for n in ([f"{role}{name[1:]}" for role in roles] if name.startswith("*.") else [name])]


def typed_pairs(arguments: Sequence[str], flags: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return command-line options as pairs of a setting and its text; `flags` are the settings that are true or false.

    Example:
        >>> typed_pairs(["--x.lr", "0.1", "--until-solved=false"])
        [('x.lr', '0.1'), ('until_solved', 'false')]
    """
    pairs: list[tuple[str, str]] = []
    words = [word for word in arguments if word not in ("-h", "--help")]
    while words:
        option = words.pop(0)
        if not option.startswith("--"):
            several = list(itertools.takewhile(_NUMBER.fullmatch, [pairs[-1][1], option, *words])) if pairs else []
            fix = f"write several values as --{pairs[-1][0]} {','.join(several)}" if len(several) > 1 else "options look like --turns 1000"
            raise ArenaError(f"'{option}' is not an option; {fix}")
        name, given, value = option[2:].partition("=")
        name = name.replace("-", "_")
        if not given:
            if not words or words[0].startswith("--"):
                raise ArenaError(f"--{name} has no value; write --{name} {'true' if name in flags else 'VALUE'}")
            value = words.pop(0)
        pairs.append((name, value))
    return pairs


def typed_as(value: object) -> str:
    """Return a value as text for the command line.

    Example:
        >>> typed_as((64, 32)), typed_as(0.5)
        ('64,32', '0.5')
    """
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def named_in(settings: Mapping[str, Any], arguments: Sequence[str]) -> set[str]:
    """Return the dotted names of settings and arguments.

    Example:
        >>> sorted(named_in({"rule": {"steps": 2}}, ["--x.lr", "0.1", "--until-solved=false"]))
        ['rule.steps', 'until_solved', 'x.lr']
    """
    return {*flatten(settings), *(word[2:].partition("=")[0].replace("-", "_") for word in arguments if word.startswith("--"))}


def moved_by_rules(settings: Mapping[str, Any], given: Collection[str], varied: Collection[str]) -> dict[str, Any]:
    """Return settings under which rules can be compared: the scheduler is simultaneous if rules vary and no scheduler is given.

    Example:
        >>> moved_by_rules({"turns": 9}, {"turns"}, ["rule"]), moved_by_rules({}, {"scheduler.ratio"}, ["rule"])
        ({'turns': 9, 'scheduler': 'simultaneous'}, {})
    """
    scheduled = any(name.partition(".")[0] == "scheduler" for name in (*given, *varied))
    return {**settings, "scheduler": "simultaneous"} if "rule" in varied and not scheduled else dict(settings)


SAME_NUMBERS = ("device", "threads")
"""Settings that say where a run is played."""


def check_unchanged(before: str | None, now: str, file: Path, saved: str, but: Collection[str] = SAME_NUMBERS) -> None:
    """Raise CheckpointUnusable if a configuration in YAML has changed since a checkpoint was saved.

    Args:
        before: Configuration in the checkpoint; None in a checkpoint of version 0.1.
        now: Configuration of the run.
        file: The file that holds it.
        saved: Name of the checkpoint.
        but: Settings that may change.

    Example:
        >>> check_unchanged("rule: {name: sga}", "rule: {name: lola}", Path("config.yaml"), "turn-5.pt")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        arena.errors.CheckpointUnusable: config.yaml has changed since turn-5.pt was saved: rule.name was sga and is lola. Expected ...
    """
    try:
        old, new = (flatten(yaml.safe_load(text)) for text in (before or now, now))
    except (yaml.YAMLError, AttributeError) as error:
        raise CheckpointUnusable(f"the settings in {saved} cannot be read. Fix: remove it, then resume") from error
    names = [name for name in old if not _same(old[name], new.get(name)) and name not in but]  # others are of a later version
    if names:
        changes = ", ".join(f"{name} was {old.get(name)} and is {new.get(name)}" for name in names)
        raise CheckpointUnusable(
            f"{file} has changed since {saved} was saved: {changes}. Expected the settings of the run. Fix: restore them, or start another "
            f"run: arena play --config {file}, with --from {file.parent} if it begins with these players"
        )


def _same(before: Any, now: Any) -> bool:
    """Return whether a setting is unchanged; a path of data without a checksum is of a former version.

    Example:
        >>> _same("/a/faces.npz", "/a/faces.npz@0123456789abcdef"), _same("/a/b.npz@0123456789abcdef", "/a/b.npz@f123456789abcdef")
        (True, False)
    """
    if before == now or not isinstance(before, str) or not isinstance(now, str):
        return bool(before == now)
    path, _, mark = now.rpartition("@")
    return bool(re.fullmatch("[0-9a-f]{16}", mark)) and Path(path) == Path(before).expanduser().absolute()
