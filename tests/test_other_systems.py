"""The package is imported and plays where Python has no POSIX modules, as on Windows: they and their names are taken away in a process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BEFORE = """\
import importlib, multiprocessing, os, signal, sys
import filelock

for name in sys.argv[1:]:  # other packages take what they need of this system
    importlib.import_module(name)
filelock.lock_descriptor(os.open(os.devnull, os.O_RDWR))
for name in [name for name in sys.modules if name.partition(".")[0] == "arena"]:
    del sys.modules[name]

for name in ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty"):
    sys.modules[name] = None  # an import of it raises ImportError
for module, names in {
    signal: ("SIGHUP", "SIGKILL", "pthread_sigmask", "SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK"),
    os: ("getuid", "geteuid", "setpgid", "killpg", "sysconf", "sched_getaffinity", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "fork"),
}.items():
    for name in names:
        delattr(module, name)
multiprocessing.get_all_start_methods = lambda: ["spawn"]
"""
EVERY = """
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
PLAY = """
import arena

quiet = {"trace.tensorboard": False, "picture.every": 0}
for rule in ("simultaneous", "extragradient"):
    print(arena.play("bilinear", turns=3, rule=rule, out=rule, display=False, **quiet).status)
both = arena.compare("bilinear", {"rule": "simultaneous,extragradient"}, workers=1, out="both", settings={"turns": 3, **quiet})
print(len(both.summaries))
"""


def modules() -> list[str]:
    """Return the import name of every file of the package."""
    folders = (ROOT / name for name in ("arena", "games", "players", "tuning"))
    files = [file.relative_to(ROOT).with_suffix("") for folder in folders for file in folder.rglob("*.py")]
    names = [".".join(file.parts).removesuffix(".__init__") for file in files if file.name != "__main__"]
    return sorted(name if name.partition(".")[0] == "arena" else f"arena.{name}" for name in names)


def python(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code, *modules()], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.thorough
def test_every_module_is_imported_and_runs_are_played_without_posix(tmp_path: Path) -> None:
    assert python(BEFORE + EVERY + PLAY, tmp_path).split() == ["finished", "finished", "2"]


@pytest.mark.parametrize("line", ["import fcntl", "from signal import SIGHUP", "import os; os.getuid()"])
def test_what_windows_lacks_is_missing(line: str, tmp_path: Path) -> None:
    """The faulty case."""
    with pytest.raises(AssertionError, match=r"ImportError|AttributeError|ModuleNotFoundError"):
        python(BEFORE.replace("sys.argv[1:]", "()") + line, tmp_path)
