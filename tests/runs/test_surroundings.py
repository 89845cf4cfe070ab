"""Odd surroundings: no locks, a clock that steps back, too little memory, no home, odd names, and two processes that are the first."""

import fcntl
import functools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.cli import main
from arena.errors import ArenaError, typed
from arena.runs import locks
from benchmarks.faults import Unbroken, surroundings
from benchmarks.faults.small_disk import resumed, told_wrongly
from benchmarks.faults.surroundings import little_memory
from benchmarks.faults.unbroken import words_of
from tests.support import commands
from tests.support.cases import first


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    return Unbroken(tmp_path_factory.mktemp("unbroken"))


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder on a file system without locks."""
    real, folder = fcntl.flock, tmp_path / "nfs"
    folder.mkdir()

    def flock(file: int, operation: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink().is_relative_to(folder):
            raise OSError(37, "No locks available")
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    locks._places.cache_clear()
    return folder


def test_a_file_system_without_locks_is_locked_on_this_machine(no_locks: Path) -> None:
    refused = pytest.raises(ArenaError, match="in use by process")
    with pytest.warns(match="has no locks"), locks.alone_in(no_locks), refused, locks.alone_in(no_locks):
        pass
    with locks.hold(no_locks / "worker"):
        assert locks.held(no_locks / "worker")
    assert not locks.held(no_locks / "worker")


@pytest.mark.filterwarnings("ignore:the file system has no locks")
@pytest.mark.thorough
def test_a_sweep_without_locks_ends(no_locks: Path, unbroken: Unbroken) -> None:
    """It ended in an error, because its workers show by their locks that they are alive."""
    assert main([*words_of("sweep"), "--out", str(no_locks / "e")]) == 0
    assert unbroken.same("sweep", no_locks / "e")


@pytest.mark.parametrize("more", first(2, [100_000, 3_000_000, 10_000, 30_000_000]))
def test_a_run_without_memory_ends_in_a_sentence_and_goes_on(more: int, unbroken: Unbroken, tmp_path: Path) -> None:
    out, prepare = tmp_path / "e", functools.partial(little_memory, more)
    done = commands.arena(*words_of("pictures"), "--out", str(out), folder=tmp_path, prepare=prepare).finish()
    assert not told_wrongly(done.returncode, done.stderr)
    assert done.returncode == 1 and "memory" in done.stderr
    assert not (out / "config.yaml").exists() or resumed(unbroken, "pictures", out) == "survived"


@pytest.mark.parametrize("name", surroundings.NAMES)
def test_the_command_of_a_fix_can_be_typed(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shell reads it as it was meant; a run is resumed in every such folder."""
    out = tmp_path / name
    words = ("play", "bilinear", "--turns", "2", "--trace.tensorboard", "false", "--picture.every", "0", "--out", str(out))
    assert [main(words), main(words)] == [0, 2]
    assert f"`arena resume {typed(out)}`" in capsys.readouterr().err.replace("\\t", "\t")
    assert main(["resume", str(out)]) == 0


ROWS: dict[str, Callable[[Unbroken], surroundings.Attempt]] = {
    "no locks": lambda unbroken: surroundings.on_odd_machine(unbroken, "ODD_LOCKS"),
    "clock": lambda unbroken: surroundings.on_odd_machine(unbroken, "ODD_CLOCK"),
    "no memory": surroundings.without_memory,
    "no home": surroundings.without_home,
    "odd names": surroundings.named_oddly,
    "two at first": lambda unbroken: surroundings.two_at_first,
}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("row", ROWS)
def test_an_experiment_in_odd_surroundings(row: str, number: int, unbroken: Unbroken, tmp_path: Path) -> None:
    if row in ("no locks", "clock") and surroundings.odd_machine() is None:
        pytest.skip("needs a C compiler")
    assert ROWS[row](unbroken)(tmp_path, random.Random(number)) in ("survived", "told")
