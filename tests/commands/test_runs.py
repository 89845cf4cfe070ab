"""`arena runs` lists what is in a folder, and `arena show` prints one summary again."""

import re
from pathlib import Path

import pytest

import arena
from arena.cli import main
from tests.conftest import QUIET, Cli


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    rates = {"near": 0.02, "far": 0.05}
    for name, rate in rates.items():
        arena.play("bilinear", turns=40, out=folder / name, display=False, **{"x.lr": rate, "y.lr": rate}, **QUIET)
    arena.play("dirac", turns=20, out=folder / "dirac-1", display=False, **QUIET)
    settings = {"turns": 20, **QUIET}
    arena.compare("bilinear", vary={"x.lr": [0.05, 0.1]}, settings=settings, workers=1, backend="in-place", out=folder / "compare-1")
    trace = folder / "far" / "trace.jsonl"
    trace.write_bytes(trace.read_bytes()[:-60])
    return folder


def test_runs_are_listed_with_their_ends(runs: Path, quick_cli: Cli) -> None:
    done = quick_cli("runs")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines()[1:]}
    assert set(lines) == {"runs/near", "runs/far", "runs/dirac-1", "runs/compare-1"}
    assert lines["runs/near"][1:4] == ["bilinear", "run", "finished"]
    assert lines["runs/far"][3] == "unfinished"
    assert lines["runs/compare-1"][1:3] == ["bilinear", "comparison"]
    assert [line.split()[0] for line in quick_cli("runs", "--game", "dirac").stdout.splitlines()[1:]] == ["runs/dirac-1"]
    best = quick_cli("runs", "--best", "bilinear").stdout.splitlines()[1:]
    assert [line.split()[0] for line in best] == ["runs/near"]  # an unfinished run is the best of nothing


def test_a_summary_is_printed_again_and_writes_nothing(runs: Path, quick_cli: Cli) -> None:
    before = {file: file.stat().st_mtime_ns for file in runs.rglob("*")}
    done = quick_cli("show", "runs/near")
    assert done.returncode == 0, done.stderr
    assert re.search(r"score .*\n +status +finished after 40 turns\n", done.stdout)
    table = quick_cli("show", "runs/compare-1")
    assert table.returncode == 0, table.stderr
    assert "verdict" in table.stdout
    assert {file: file.stat().st_mtime_ns for file in runs.rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("runs", "nowhere"), "there is no folder nowhere. Fix: arena runs FOLDER"),
        (("runs", ".", "--best", "ring"), "there is no complete run of ring in .. Fix: arena play ring"),
        (("runs", ".", "more"), "'more' is too much"),
        (("show", "nowhere"), "there is no folder nowhere. Fix: arena runs"),
        (("show", "."), "has not ended, or is none"),
    ],
)
def test_wrong_words_are_told(quick_cli: Cli, words: tuple[str, ...], said: str) -> None:
    done = quick_cli(*words)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr


def test_a_shown_run_says_as_at_its_end_that_its_score_is_an_oracle_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["dann", "--turns", "2", "--score.every", "1", "--checkpoint.best", "false", "--trace.tensorboard", "false"]
    assert main(["play", *words, "--out", str(tmp_path / "run")]) == 0
    assert main(["show", str(tmp_path / "run")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  score ")]
    assert len(lines) == 2 and lines[0] == lines[1] and "an oracle's: it uses labels" in lines[0]
