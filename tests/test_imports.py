"""Who may import whom, and that nobody imports in a circle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("arena", "players", "games", "tuning")
MAY_IMPORT = {
    "players": {"players"},
    "arena": {"arena", "players"},
    "games": {"games", "arena", "players"},
    "tuning": {"tuning", "arena"},
}
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return name if parts[0] == "arena" else f"arena.{name}"


def package_of(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in PACKAGES else "arena"


def imports(file: Path, *, at_top: bool = False) -> set[str]:
    """Modules of the project that a file imports; `at_top` leaves out imports inside functions and for type checkers."""
    tree = ast.parse(file.read_text())
    found: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if at_top and (guarded or isinstance(node, ast.FunctionDef)):
            continue
        pending += ast.iter_child_nodes(node)
    names = {module_name(f) for f in FILES} - {"arena"}
    return {name for name in found if name in names}


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_a_package_imports_only_what_is_below_it(file: Path) -> None:
    package = package_of(module_name(file))
    above = {name for name in imports(file) if package_of(name) not in MAY_IMPORT[package]}
    assert not above


def test_arena_imports_only_the_base_of_players() -> None:
    for file in (ROOT / "arena").rglob("*.py"):
        assert {n for n in imports(file) if n.startswith("players.")} <= {"arena.players.base"} | {
            n for n in imports(file) if n.startswith("arena.players.base.")
        }


def test_players_import_torch_only() -> None:
    standard = sys.stdlib_module_names
    for file in (ROOT / "players").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                assert module.split(".")[0] in {"torch", *standard} or (module + ".").startswith("arena.players.")


def test_no_two_files_import_each_other() -> None:
    graph = {module_name(f): imports(f, at_top=True) - {module_name(f)} for f in FILES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path, name])
        if name not in done:
            for other in sorted(graph[name]):
                if not (name + ".").startswith(other + ".") and not (other + ".").startswith(name + "."):
                    visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_help_loads_no_torch() -> None:
    code = "import sys; from arena.cli import main; main(['--help']); assert 'torch' not in sys.modules, 'torch was loaded'"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
