"""Measure the architecture, and hold what has been reached.

    python tests/test_house.py            # print the figures
    python tests/test_house.py --write    # after an intended change: make today's figures the limits, in tests/house.json
    python tests/test_house.py --write --raise    # the same if a limit has to rise, for a reason that the commit gives

Every import counts, also those inside functions and under `TYPE_CHECKING`. A room is a top-level file or folder of `arena/`, or one of the
folders beside it, whose import names are `arena.games`, `arena.players` and `arena.tuning`. An arrow leads from a room to a room that it
imports. An arrow climbs if it leads to a higher floor, or if it closes a circle of rooms within one floor. `arena/__init__.py` only
re-exports, so that its own arrows neither climb nor count for floors.
"""

import ast
import functools
import json
import statistics
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIMITS = Path(__file__).with_name("house.json")
OUTER = ("players", "games", "tuning")
"""Folders beside `arena/` whose import names begin with `arena.`, or did without before they were moved."""

FACE = "arena/__init__"
FLOORS: dict[int, tuple[str, ...]] = {
    1: ("players", "arena/errors"),
    2: ("arena/core", "arena/schedules", "arena/schedulers", "arena/trace", FACE),
    3: ("arena/rules", "arena/optimizers", "arena/accelerate", "arena/registry", "arena/data", "arena/plots"),
    4: ("arena/engine", "games", "arena/diagnostics", "arena/alarms"),
    5: ("arena/config", "arena/checks", "arena/trackers"),
    6: ("arena/runs",),
    7: ("arena/experiments", "arena/bench", "arena/doctor"),
    8: ("tuning", "arena/report", "arena/commands", "arena/cli", "arena/__main__"),
    9: ("benchmarks",),
}
"""Rooms by floor; an import goes to a lower floor, or along its own."""

MAY_IMPORT = {
    "players": {"players"},
    "arena": {"arena", "players"},
    "games": {"games", "arena", "players"},
    "tuning": {"tuning", "arena"},
}
"""Packages by package that imports them; `arena` finds games and tuning by entry points."""

PLUG_INS = {
    "an update rule": ("arena/rules/extragradient.py",),
    "an alarm": ("arena/alarms/stall.py",),
    "a diagnostic": ("arena/diagnostics/rotation.py",),
    "the planar GAN": ("games/gan/planar.py",),
}
"""Files from which to count the files that imports reach."""

SLACK = {"median file of arena/": 1.1, "product lines": 1.02}
"""Factor by which a figure may exceed its limit; all others may not."""

Graph = Mapping[str, set[str]]


# Imports --------------------------------------------------------------------------------------------------------------------------------


@functools.cache
def files() -> dict[str, str]:
    """Paths of the project's files, relative to its root, by import name without the `arena.` of the outer folders."""
    found = {}
    for package in ("arena", *OUTER, "benchmarks"):
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file.relative_to(ROOT).as_posix()
    return found


def canonical(name: str) -> str:
    """Return an import name without the `arena.` of the outer folders.

    Example:
        >>> canonical("arena.games.gan.base"), canonical("games.gan.base"), canonical("arena.rules")
        ('games.gan.base', 'games.gan.base', 'arena.rules')
    """
    parts = name.split(".")
    return ".".join(parts[1:]) if parts[0] == "arena" and len(parts) > 1 and parts[1] in OUTER else name


def imported(source: str, *, on_import: bool = False) -> set[str]:
    """Return the canonical names of all that a file imports: of `from a import b` both `a.b` and, after a space, `a`.

    `on_import` leaves out what is not imported together with the file: imports inside functions and for type checkers.
    """
    found = set()
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {canonical(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}"
            found |= {f"{canonical(f'{node.module}.{alias.name}')} {canonical(node.module or '')}" for alias in node.names}
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not (on_import and (for_types or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))):
            pending += ast.iter_child_nodes(node)
    return found


@functools.cache
def imports(*, on_import: bool = False) -> dict[str, set[str]]:
    """By path, the paths of the files that a file imports. Importing `a.b.c` counts that file, and no `__init__` on the way."""
    known, found = files(), {}
    for path in known.values():
        names = imported((ROOT / path).read_text(encoding="utf-8"), on_import=on_import)
        found[path] = {known[name] for words in names if (name := _target(words)) is not None} - {path}
    return found


def _target(words: str) -> str | None:
    """Return the name of the project's file that an import means."""
    return next((name for name in words.split() if name in files()), None)


def room(path: str) -> str:
    """Return the room of a file.

    Example:
        >>> room("arena/core/field/frozen.py"), room("arena/errors.py"), room("games/gan/base.py")
        ('arena/core', 'arena/errors', 'games')
    """
    parts = path.removesuffix(".py").split("/")
    return "/".join(parts[:2]) if parts[0] == "arena" else parts[0]


# Graphs ---------------------------------------------------------------------------------------------------------------------------------


def circles(graph: Graph) -> list[set[str]]:
    """Return the strongly connected components of more than one node (Tarjan's algorithm)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            circle = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            found.extend([circle] if len(circle) > 1 else [])

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found


def longest_chain(graph: Graph) -> int:
    """Return the number of nodes of the longest chain, taking each circle as one node."""
    circle_of = {node: min(circle) for circle in circles(graph) for node in circle}
    merged: dict[str, set[str]] = {}
    for node, others in graph.items():
        here = circle_of.get(node, node)
        merged.setdefault(here, set()).update({circle_of.get(other, other) for other in others} - {here})

    @functools.cache
    def length(node: str) -> int:
        return 1 + max((length(other) for other in merged.get(node, ())), default=0)

    return max(map(length, merged), default=0)


def reached(graph: Graph, start: str) -> set[str]:
    """Return the nodes that a node leads to, without the node itself."""
    seen, pending = {start}, [start]
    while pending:
        fresh = graph.get(pending.pop(), set()) - seen
        seen |= fresh
        pending += fresh
    return seen - {start}


def between_rooms(graph: Graph) -> dict[str, set[str]]:
    """Return the arrows between the rooms of a graph of files."""
    found: dict[str, set[str]] = {room(path): set() for path in graph}
    for path, others in graph.items():
        found[room(path)] |= {room(other) for other in others} - {room(path)}
    return found


# Figures --------------------------------------------------------------------------------------------------------------------------------


def climbing(graph: Graph, floors: Mapping[int, Iterable[str]] = FLOORS) -> set[tuple[str, str]]:
    """Return the imports that climb; rooms without a floor have none."""
    floor_of = {name: floor for floor, names in floors.items() for name in names}
    rooms = between_rooms(graph)
    level = {
        one: {other for other in others if one in floor_of and floor_of[one] == floor_of.get(other)}
        for one, others in rooms.items()
        if one != FACE
    }
    circle_of = {name: number for number, circle in enumerate(circles(level)) for name in circle}

    def climbs(one: str, other: str) -> bool:
        if one in (other, FACE) or one not in floor_of or other not in floor_of:
            return False
        if floor_of[one] == floor_of[other]:
            return one in circle_of and circle_of[one] == circle_of.get(other)
        return floor_of[one] < floor_of[other]

    return {(path, other) for path, others in graph.items() for other in others if climbs(room(path), room(other))}


@functools.cache
def figures() -> dict[str, int | float]:
    """Return the figures, all of which are better if they are lower."""
    graph, placed = imports(), {name for names in FLOORS.values() for name in names}
    rooms = between_rooms(graph)
    lines = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in graph}
    of_arena = [count for path, count in lines.items() if path.startswith("arena/") and not path.endswith("__init__.py")]
    rings = circles(graph)
    found: dict[str, int | float] = {
        "files at the root of arena/": sum(path.startswith("arena/") and path.count("/") == 1 for path in graph),
        "rooms": len(rooms),
        "rooms without a floor": len(rooms.keys() - placed),
        "arrows between rooms": sum(map(len, rooms.values())),
        "arrows that climb": len({(room(one), room(other)) for one, other in climbing(graph)}),
        "imports that climb": len(climbing(graph)),
        "floors (longest chain of rooms)": longest_chain({**rooms, FACE: set()}),
        "circles of files": len(rings),
        "files in the largest circle": max(map(len, rings), default=0),
        "median file of arena/": statistics.median(of_arena),
        "longest file of arena/": max(of_arena),
        "product lines": sum(count for path, count in lines.items() if not path.startswith("benchmarks/")),
    }
    for name, paths in PLUG_INS.items():
        found[f"files reached from {name}"] = len(reached(graph, next(path for path in paths if path in graph)))
    return found


def limits() -> dict[str, int | float]:
    """Return the limits of the figures."""
    held: dict[str, int | float] = json.loads(LIMITS.read_text(encoding="utf-8"))["limits"]
    return held


def allowed() -> set[tuple[str, str]]:
    """Return the imports that climb and are still allowed to."""
    return {(one, other) for one, other in json.loads(LIMITS.read_text(encoding="utf-8"))["climbing"]}


def raised(now: Mapping[str, int | float], held: Mapping[str, int | float]) -> list[str]:
    """Return a sentence for each limit that today's figures would raise.

    Example:
        >>> raised({"rooms": 26, "circles of files": 0, "new": 1}, {"rooms": 25, "circles of files": 3})
        ['rooms: from 25 to 26']
    """
    return [f"{name}: from {held[name]:g} to {value:g}" for name, value in now.items() if value > held.get(name, value)]


def write(*, may_raise: bool = False) -> None:
    """Make today's figures the limits. Without `may_raise`, a limit that would rise stays, and this exits with an error."""
    now, climbs, higher = figures(), climbing(imports()), []
    if LIMITS.is_file() and not may_raise:
        higher = [*raised(now, limits()), *(f"a further import climbs: {one} → {other}" for one, other in sorted(climbs - allowed()))]
        now, climbs = {name: min(value, limits().get(name, value)) for name, value in now.items()}, climbs & allowed()
    LIMITS.write_text(json.dumps({"limits": now, "climbing": sorted(climbs)}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if higher:
        sys.exit("these limits stay. Fix: change the code, or add --raise and say why in the commit.\n" + "\n".join(higher))


def table() -> str:
    """Return the figures and their limits as Markdown."""
    held = limits() if LIMITS.is_file() else {}
    rows = [f"| {name} | {value:g} | {held.get(name, float('nan')):g} |" for name, value in figures().items()]
    rings = [f"circle: {' '.join(sorted(ring))}" for ring in circles(imports())]
    climbs = [f"climbs: {one} → {other}" for one, other in sorted(climbing(imports()))]
    return "\n".join(["| figure | now | limit |", "|---|---|---|", *rows, *rings, *climbs])


# Tests ----------------------------------------------------------------------------------------------------------------------------------

REGENERATE = "if that is intended, run: python tests/test_house.py --write (with --raise if a limit has to rise)"


@pytest.mark.parametrize("name", limits() if LIMITS.is_file() else [])
def test_a_figure_stays_within_its_limit(name: str) -> None:
    now, limit = figures()[name], limits()[name]
    print(f"{name}: {now:g} (limit {limit:g})")
    assert now <= limit * SLACK.get(name, 1), f"{name}: {now:g}, above the limit of {limit:g}; {REGENERATE}"


def test_every_figure_has_a_limit() -> None:
    assert figures().keys() == limits().keys(), REGENERATE


def test_no_further_import_climbs() -> None:
    fresh = climbing(imports()) - allowed()
    assert not fresh, "imports go to a lower floor; these climb: " + ", ".join(f"{one} → {other}" for one, other in sorted(fresh))


def test_an_import_that_no_longer_climbs_is_no_longer_allowed() -> None:
    gone = allowed() - climbing(imports())
    assert not gone, f"these imports climb no more: {sorted(gone)}; run: python tests/test_house.py --write"


def test_every_import_of_the_project_is_found() -> None:
    """A stale import inside a function would otherwise be missing from the figures."""
    packages = ("arena.", "benchmarks.", *(f"{name}." for name in OUTER))
    lost = [
        f"{path}: {words.split()[-1]}"
        for path in imports()
        for words in imported((ROOT / path).read_text(encoding="utf-8"))
        if f"{words.split()[-1]}.".startswith(packages) and _target(words) is None
    ]
    assert not lost


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_packages_below_it(package: str) -> None:
    wrong = {
        f"{path} → {other}"
        for path, others in imports().items()
        for other in others
        if path.startswith(f"{package}/") and other.partition("/")[0] not in MAY_IMPORT[package]
    }
    assert not wrong


def test_arena_imports_only_the_base_of_players() -> None:
    others = {other for path, others in imports().items() for other in others if path.startswith("arena/")}
    assert {other for other in others if other.startswith("players/")} == {"players/base.py"}


def test_players_import_torch_only() -> None:
    sources = [(ROOT / path).read_text(encoding="utf-8") for path in imports() if path.startswith("players/")]
    packages = {words.split()[-1].partition(".")[0] for source in sources for words in imported(source)}
    assert packages - sys.stdlib_module_names == {"players", "torch"}


def test_no_files_import_each_other_while_they_are_imported() -> None:
    """Imports of a package by its own files, and back, are left out: an `__init__` re-exports."""

    def re_exports(one: str, other: str) -> bool:
        return one.endswith("/__init__.py") and other.startswith(one.removesuffix("__init__.py"))

    graph = {
        path: {other for other in others if not re_exports(path, other) and not re_exports(other, path)}
        for path, others in imports(on_import=True).items()
    }
    assert circles(graph) == []


def test_imports_anywhere_in_a_file_are_seen() -> None:
    source = """
import arena.games.gan
if TYPE_CHECKING:
    from arena.engine import env
def late():
    from games.data.images import mnist
"""
    assert imported(source) == {"games.gan", "arena.engine.env arena.engine", "games.data.images.mnist games.data.images"}
    assert imported(source, on_import=True) == {"games.gan"}


def test_what_climbs() -> None:
    graph = {
        "arena/core/game.py": {"arena/errors.py", "arena/runs/run.py"},  # down, up
        "arena/rules/base.py": {"arena/optimizers/sgd.py", "arena/plots/style.py"},  # along
        "arena/plots/style.py": {"arena/rules/other.py"},  # along, and closing a circle
        "arena/__init__.py": {"arena/runs/run.py"},  # the face
        "arena/unknown.py": {"arena/runs/run.py"},  # no floor
    }
    assert climbing(graph) == {
        ("arena/core/game.py", "arena/runs/run.py"),
        ("arena/rules/base.py", "arena/plots/style.py"),
        ("arena/plots/style.py", "arena/rules/other.py"),
    }


def test_limits_rise_only_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"limits": {**figures(), "rooms": 1}, "climbing": sorted(climbing(imports()))}
    file = tmp_path / "house.json"
    file.write_text(json.dumps(held), encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "LIMITS", file)
    with pytest.raises(SystemExit, match=r"these limits stay\. (.|\n)*rooms: from 1 to"):
        write()
    assert json.loads(file.read_text(encoding="utf-8"))["limits"]["rooms"] == 1
    write(may_raise=True)
    assert limits() == figures()


def test_circles_and_chains() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"d"}}
    assert circles(graph) == [{"b", "c"}]
    assert longest_chain(graph) == 3
    assert reached(graph, "b") == {"c", "d"}


if __name__ == "__main__":
    if "--write" in sys.argv:
        write(may_raise="--raise" in sys.argv)
    print(table())
