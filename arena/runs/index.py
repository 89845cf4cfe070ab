"""The index of the registry: names, summaries and settings of all entries, which are known without importing torch.

It is written by a process that has imported the entries, and not read from their source, because the registry decides what an entry is and
which arguments it inherits, and a second reader would have to agree with it. It holds as long as the files have the same times and sizes.
A file that is missing, damaged or cannot be written costs time only.
"""

import contextlib
import difflib
import hashlib
import importlib.util
import itertools
import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import platformdirs

from arena.errors import UnknownName
from arena.registry.entries import KINDS, Entry, entries
from arena.trace.reading import read_text
from arena.trace.writing import write_whole

Index = Mapping[str, Any]
"""`kinds`: by kind and id, `summary`, `also` (other names) and `settings` of an entry; `run`: by prefix, the settings of every run."""

FORMAT = 1
SIMILAR = 0.75
"""Least similarity of a setting to a known one that makes it a mistake for certain."""


def load() -> Index | None:
    """Return the index; None if there is none that fits the files."""
    try:
        data: dict[str, Any] = json.loads(read_text(_path()))
        return data if data["files"] == _stamps() and data["kinds"].keys() == set(KINDS) and data["run"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def refresh() -> Index:
    """Import every entry and return the index, which is also written if it was missing or does not fit the files."""
    from arena.config.options import GROUPS, RunOptions
    from arena.registry.signature import rules_in, settings_of

    stamps, modules = _stamps(), [f"{point.module}." for points in _points().values() for point in points]
    kinds: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for kind in KINDS:
        for entry in entries(kind).values():
            if f"{entry.target.__module__}.".startswith(tuple(modules)):  # and not of a file that was named on the command line
                names = [*settings_of(entry.target), *rules_in(entry.target)]
                kinds[kind][entry.id] = {"summary": entry.summary, "also": also_of(entry), "settings": names}
    run = {prefix: list(settings_of(options)) for prefix, options in {"": RunOptions, **GROUPS}.items()}
    index = {"files": stamps, "kinds": kinds, "run": run}
    with contextlib.suppress(OSError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(index), shared=True)
    return index


def keep() -> None:
    """Write the index if it is missing or does not fit the files, and this process has imported torch anyway."""
    if "torch" in sys.modules and load() is None:
        refresh()


def also_of(entry: Entry) -> list[str]:
    """Return the other names of an entry."""
    return [*getattr(entry.target, "also", ())]


def check_names(game: str, options: Sequence[str], others: Collection[str] = ()) -> None:
    """Raise for a game, a component or a setting that certainly does not exist, before torch is imported.

    What the index cannot tell passes, such as files and settings whose existence depends on a choice.

    Args:
        game: Word in the place of a game.
        options: Settings as words of the command line.
        others: Options of the command that are no settings.

    Raises:
        UnknownName: With the nearest name.
    """
    index = load()
    if index is None:
        return
    kinds = index["kinds"]
    own = _check_choice(kinds, "game", game)
    words = [word.removeprefix("--").partition("=") for word in options if word.startswith("--")]
    following = dict(itertools.pairwise(options))
    pairs = [
        (name.replace("-", "_"), value if given else following.get(f"--{name}", ""))
        for name, given, value in words
        if name not in (*others, "help")
    ]
    chosen = {name: _check_choice(kinds, name, value) for name, value in pairs if name in ("rule", "scheduler") and value}
    for name, _ in pairs:
        known = [*_beside(index, own, chosen, name), *others]
        if known and name not in known and difflib.get_close_matches(name, known, n=1, cutoff=SIMILAR):
            raise UnknownName("setting", name, known)


def _foreign(name: str) -> bool:
    """Whether a name means a file, a folder or an import path."""
    return "." in name or "/" in name or Path(name).exists()


def _check_choice(kinds: Mapping[str, Any], kind: str, word: str) -> Collection[str] | None:
    """Return the settings of an entry, None if it is not in the index; raise UnknownName if there cannot be one."""
    name = word.partition("(")[0].strip()
    letters = re.sub("[-_]", "", name).lower()
    for id, entry in kinds[kind].items():
        if letters == id.replace("-", "") or name in entry["also"]:
            return [*entry["settings"]]
    if _foreign(name):
        return None
    known = [known for id, entry in kinds[kind].items() for known in (id, *entry["also"])]
    raise UnknownName(kind, name, known, listing=f"`arena list {kind}s`")


def _beside(index: Index, own: Collection[str] | None, chosen: Mapping[str, Collection[str] | None], name: str) -> list[str]:
    """Return all settings with the prefix of a name, none if they are not certain."""
    prefix, _, _ = name.rpartition(".")
    if not prefix:
        return [*(own or ()), *index["run"][""], *index["run"], "rule", "scheduler", "coupling"] if own is not None else []
    if prefix in index["run"]:
        return [f"{prefix}.{last}" for last in index["run"][prefix]]
    if (settings := chosen.get(prefix)) is not None:
        return [f"{prefix}.{last}" for last in (*settings, "name")]
    return []


def _points() -> dict[str, list[Any]]:
    """Return the entry points of each kind."""
    found = entry_points()
    return {kind: [*found.select(group=f"arena.{kind}s")] for kind in KINDS}


def _stamps() -> list[list[Any]]:
    """Return the paths, times and sizes of all files that entries and settings come from."""
    files = [*(Path(__file__).parents[1] / "config").glob("*.py"), Path(__file__).parents[1] / "core" / "measures.py", Path(__file__)]
    files += [file for points in _points().values() for point in points for file in _files(point.module)]
    stats = [(str(file), file.stat()) for file in sorted(set(files))]
    return [[FORMAT], *([file, stat.st_mtime_ns, stat.st_size] for file, stat in stats)]


def _files(module: str) -> Iterator[Path]:
    spec = importlib.util.find_spec(module)
    for place in (spec and spec.submodule_search_locations) or ():
        yield from Path(place).rglob("*.py")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin)


def _path() -> Path:
    """Return the index's file, one for each installation."""
    place = hashlib.sha256(f"{sys.prefix} {__file__}".encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("arena")) / f"registry-{place}.json"
