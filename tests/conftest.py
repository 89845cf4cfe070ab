"""Shared fixtures: small configurations, a real command line, and the published data."""

import contextlib
import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: workers of pytest and commands that tests start share the cores
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="arena-state-")  # the key that signs code is not the tester's own
os.environ["ARENA_CACHE"] = tempfile.mkdtemp(prefix="arena-cache-")  # nor are the kept data sets

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from arena.cli import main
from arena.registry import entries
from tests.support import commands
from tests.support.rendering import rendering

QUIET = {"trace.tensorboard": False, "picture.every": 0}
"""Settings that most tests need not observe."""

SELF_CONTAINED = [name for name, game in entries("game").items() if getattr(game.target, "data_set", "digits") == "digits"]
"""Games without published data."""

Cli = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--unrendered", action="store_true", help="blank pictures where the picture is not the point")


@pytest.fixture(scope="session", autouse=True)
def unrendered(pytestconfig: pytest.Config) -> Iterator[None]:
    with rendering(not pytestconfig.getoption("unrendered")):
        yield


@pytest.fixture(autouse=True)
def rendered(request: pytest.FixtureRequest) -> Iterator[None]:
    with rendering() if request.node.get_closest_marker("rendered") else contextlib.nullcontext():
        yield


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `arena …` as a real process in an empty folder; stdout and stderr are text."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        with commands.arena(*words, folder=tmp_path, **environment) as process:
            return process.finish()

    return run


@pytest.fixture
def quick_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `arena …` in this process, in an empty folder, without importing torch again."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        code = main(words)
        output, errors = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, output, errors)

    return run


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published data sets, from ARENA_DATA."""
    folder = os.environ.get("ARENA_DATA")
    if not folder or not (Path(folder) / "mnist.npz").is_file():
        pytest.skip("ARENA_DATA has no mnist.npz; set it to test on the published data")
    return Path(folder)
