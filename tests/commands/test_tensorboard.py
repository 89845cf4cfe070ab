"""`arena tensorboard`: names of runs, the first page, and the end of the process; thoroughly also in a real browser."""

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import arena
from arena.commands.tensorboard import logdir, to_the_players
from tests.conftest import Cli
from tests.support import commands

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a GAN, a game with features and a comparison."""
    folder = tmp_path_factory.mktemp("cockpit") / "runs"
    players = {"generator.hidden": (8,), "discriminator.hidden": (8,), "batch": 16}
    often = {"trace.every": 10, "score.every": 20, "trace.histograms": True}
    arena.play("ring", turns=60, out=folder / "ring-1", display=False, **players, **often)
    arena.play("dann", turns=20, out=folder / "dann-1", display=False, batch=16, **often)
    vary, settings = {"rule": ["simultaneous", "extragradient"]}, {"turns": 40}
    arena.compare("bilinear", vary=vary, seeds=2, settings=settings, workers=1, backend="in-place", out=folder / "compare-1")
    return folder


def test_runs_are_named_by_their_folders(tmp_path: Path) -> None:
    for name in ("runs/a", "other/a", "third/other/a"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "trace.jsonl").write_text("")
    with logdir([tmp_path / "runs"]) as place:
        assert place == tmp_path / "runs"
    with logdir([tmp_path / name for name in ("runs/a", "other/a", "third/other/a", "runs/a")]) as place:
        found = {link.name: link.resolve() for link in place.iterdir()}
        assert found == {
            "a": tmp_path / "runs/a",
            "other-a": tmp_path / "other/a",
            "other-a-2": tmp_path / "third/other/a",
        }
    assert not place.exists() and (tmp_path / "runs/a/trace.jsonl").exists()


def test_the_bare_address_leads_to_the_players() -> None:
    answers = list[Any]()
    application = to_the_players(lambda environ, start: [b"page"], "^ring")
    assert application({"PATH_INFO": "/"}, lambda *answer: answers.append(answer)) == [b""]
    ((status, headers),) = answers
    assert status == "302 Found" and "players/loss" in dict(headers)["Location"] and dict(headers)["Location"].endswith("runFilter=%5Ering")
    for other in ({"PATH_INFO": "/", "QUERY_STRING": "smoothing=0"}, {"PATH_INFO": "/data/runs"}):
        assert application(other, None) == [b"page"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "there is no folder nowhere. Fix: arena runs"),
        ((".",), ". has no TensorBoard events. Fix: arena report ., or play with --trace.tensorboard true"),
        ((".", "--port", "many"), "--port is 'many'. Expected the number of a port"),
        ((".", "--dark"), "'--dark' is no option of `arena tensorboard`"),
    ],
)
def test_wrong_words_are_told(quick_cli: Cli, words: tuple[str, ...], said: str) -> None:
    done = quick_cli("tensorboard", *words)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_children(runs: Path, number: signal.Signals, tmp_path: Path) -> None:
    with commands.arena("tensorboard", str(runs / "ring-1"), "--port", "0", folder=tmp_path, TMPDIR=str(tmp_path)) as process:
        address(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(number)
        assert process.wait(20) == 0, process.output()
    until = time.monotonic() + 5
    while any(running(int(child)) for child in children):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not list(tmp_path.glob("arena-tensorboard-*"))
    assert "Traceback" not in process.output()[1]


@pytest.mark.thorough
def test_a_taken_port_is_told(runs: Path, cli: Cli, tmp_path: Path) -> None:
    with commands.arena("tensorboard", str(runs), "--port", "0", folder=tmp_path) as process:
        port = address(process).rpartition(":")[2].strip("/")
        done = cli("tensorboard", str(runs), "--port", port)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "--port 0" in done.stderr


@pytest.fixture(scope="module")
def served(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with commands.arena("tensorboard", str(runs), "--port", "0", folder=tmp_path_factory.mktemp("served")) as process:
        yield address(process)
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.mark.thorough
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; apt-get install chromium")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_open_in_a_browser(served: str, scheme: str, width: int) -> None:
    """Each page shows what is ours, without an error and without a request to another host."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install -e '.[test]'")
    shown = {
        "timeseries": "players/loss",
        "scalars": "players/gradient_norm",
        "custom_scalars": "both players",
        "text": "about/summary",
        "histograms": "weights/layers.0.weight",
        "hparams": "extragradient",
    }
    wrong, loaded = list[str](), list[str]()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": width, "height": 1100}, color_scheme=scheme)
        view.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        view.on("pageerror", lambda error: wrong.append(str(error)))
        view.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((served, "data:", "blob:")) else None)
        view.on("response", lambda answer: loaded.append(answer.url) if answer.ok else None)
        view.goto(served)
        for page, text in shown.items():
            view.evaluate(f"location.hash = '{page}'")
            for _ in range(600):
                if view.get_by_text(text).count():
                    break
                view.wait_for_timeout(100)
            else:
                raise AssertionError(f"the page {page} does not show {text}")
            assert ("darkMode=true" in view.url) == (scheme == "dark")
        view.evaluate("location.hash = 'projector'")
        for _ in range(600):
            if all(any(f"projector/{name}?" in url for url in loaded) for name in ("tensor", "metadata")):
                break
            view.wait_for_timeout(100)
        else:
            raise AssertionError("the projector does not load the features and their labels")
        browser.close()
    assert wrong == []


def address(process: commands.Process) -> str:
    """Return the address that the command prints."""
    until = time.monotonic() + 60
    while (found := re.search(r"http://127\.0\.0\.1:\d+/", process.output()[0])) is None:
        assert time.monotonic() < until and process.poll() is None, process.output()
        time.sleep(0.05)
    return found[0]


def running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{number}/status").read_text()
