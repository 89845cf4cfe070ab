"""A user's `players.py`, `games/` and `tuning.py` beside a script do not hide parts of the arena, in editable installs and wheels."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.support.cases import first

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("arena", "games", "players", "tuning", "setup.py", "pyproject.toml", "README.md", "LICENSE")
TRAP = 'raise SystemExit("the user\'s file was imported")\n'
SCRIPT = """\
import sys

import arena

if __name__ == "__main__":
    quick = {"picture.every": 0, "trace.tensorboard": False}
    print("swiss roll:", arena.configure("swiss-roll").game.id)
    played = arena.play("bilinear", turns=3, out="run", display=False, **quick)
    print("played:", played.status, played.turns)
    if "compare" in sys.argv:
        rules = {"rule": "simultaneous,extragradient"}
        compared = arena.compare("bilinear", rules, budget="turns", out="both", workers=2, settings={"turns": 5, **quick})
        print("compared:", len(compared.summaries))

    from importlib.metadata import distribution, entry_points

    import arena.games, arena.players, arena.tuning

    for module in (arena, arena.games, arena.players, arena.tuning):
        print("file:", module.__file__)
    for name, module in sorted(sys.modules.items()):
        if name.startswith("arena.") and getattr(module, "__file__", None):
            print("loaded:", module.__file__)
    print("metadata:", distribution("two-player-arena").locate_file(""))
    print("sweep:", entry_points(group="arena.commands")["sweep"].load().__module__)
"""
TWICE = """\
import importlib, sys
from arena.errors import GameFault
from tests.support.cases import first

for name in ("arena.games.small.dirac", "games.small.dirac")[:: int(sys.argv[1])]:
    try:
        importlib.import_module(name)
    except GameFault as error:
        print(error)
"""


def python(*words: str, cwd: Path, path: Path | None = None) -> str:
    """Run Python in a folder and return its output; `path` is put first on the search path, after the script's folder."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    environment |= {"OMP_NUM_THREADS": "1"} | ({} if path is None else {"PYTHONPATH": str(path)})
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from a copy of its sources to keep the repository clean."""
    missing = {"pip", "setuptools"} - {found.name for found in distributions()}  # importing pip would change distutils for later tests
    if missing:
        pytest.skip(f"{' and '.join(missing)} is not installed")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, source / name)
    python("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(source), cwd=out)
    (file,) = out.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.thorough
def test_a_wheel_holds_every_folder_below_arena(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = [file.relative_to(ROOT).as_posix() for name in ("arena", "games", "players", "tuning") for file in (ROOT / name).rglob("*.py")]
    modules = {file if file.startswith("arena/") else f"arena/{file}" for file in files}
    assert {"arena/games/gan/planar.py", "arena/players/base.py", "arena/tuning/command.py", "arena/runs/run.py"} <= modules
    assert not modules - names, "the wheel lacks files; a folder without __init__.py is no package"
    assert {"arena/py.typed", "arena/__init__.pyi"} <= names, "type checkers of users would take everything for Any"
    assert {name.partition("/")[0] for name in names} == {"arena", "two_player_arena-0.1.0.dist-info"}


def user_folder(folder: Path, *, package: bool) -> Path:
    """Write a script and, under every outer folder's name, a file that ends the process if it is imported."""
    folder.mkdir()
    for name in ("players.py", "tuning.py", "games/__init__.py" if package else "games/gan.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(TRAP, encoding="utf-8")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("install", "package", "words"),
    [
        ("editable", True, ["compare"]),  # in worker processes too, once per install, because they are slow
        ("editable", False, []),
        ("wheel", True, []),
        ("wheel", False, ["compare"]),
    ],
)
def test_a_users_files_hide_nothing(install: str, package: bool, words: list[str], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = user_folder(tmp_path / "user", package=package)
    path = request.getfixturevalue("unpacked") if install == "wheel" else None
    lines = [line.split(": ", 1) for line in python("script.py", *words, cwd=folder, path=path).splitlines() if ": " in line]
    output = dict(lines)
    assert (output["swiss roll"], output["played"], output.get("compared")) == ("swiss-roll", "finished 3", "2" if words else None)
    assert output["sweep"] == "arena.tuning.command"
    files = [Path(value) for name, value in lines if name == "file"]
    loaded = [Path(value) for name, value in lines if name == "loaded"]
    assert len(loaded) > 100 and all(file.is_relative_to(path or ROOT) for file in loaded), "a module comes from another installation"
    if path is None:
        assert files == [ROOT / name / "__init__.py" for name in ("arena", "games", "players", "tuning")]
    else:
        assert files == [path / name / "__init__.py" for name in ("arena", "arena/games", "arena/players", "arena/tuning")]
        assert Path(output["metadata"]) == path


def test_the_traps_close(tmp_path: Path) -> None:
    """The faulty case: a name without `arena.` is the user's file."""
    folder = user_folder(tmp_path / "user", package=True)
    for name in ("players", "games", "tuning"):
        done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "the user's file was imported\n")


def test_gym_make_in_a_fresh_process(tmp_path: Path) -> None:
    folder = user_folder(tmp_path / "user", package=True)
    roles = python("-c", "import gymnasium; print(gymnasium.make('arena:arena/Ring-v0').unwrapped.game.roles)", cwd=folder)
    assert roles == "('generator', 'discriminator')\n"


@pytest.mark.parametrize("step", first(1, ["1", "-1"]), ids=["arena-first", "bare-first"])
def test_a_game_imported_under_both_names_is_a_fault(step: str, tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(TWICE, encoding="utf-8")
    output = python("twice.py", step, cwd=tmp_path, path=ROOT)
    sentence = r"(games\.\S+) was imported a second time, as \1 and as arena\.\1; import it as arena\.\1 only\n"
    assert re.fullmatch(sentence, output), output
