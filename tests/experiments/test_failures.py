"""Points at which a game breaks: they fail with their reason, and every other run of the experiment is played."""

import csv
from pathlib import Path
from typing import Any

import pytest

from arena.experiments.compare.play import compare
from arena.experiments.map.play import play_map
from arena.experiments.verdict import Verdict
from arena.tuning import sweep
from tests.conftest import Cli
from tests.support.game_files import game_file

ODD = "if self.pull > 1.5: raise LookupError('no such pull')"
FAULTS = {
    "build": (ODD, "Odd.__init__ failed (LookupError: no such pull; odd.py, line 11)"),
    "losses": (
        ODD,
        "Simultaneous on Odd failed in turn 1 (LookupError: no such pull; odd.py, line 17). Fix: correct the rule or the game; `arena "
        "check` tests both",
    ),
    "score": (ODD, "Odd.score failed (LookupError: no such pull; odd.py, line 22)"),
    "nan": ("if self.pull > 1.5: return float('nan')", "the score is NaN"),
}
SETTINGS: dict[str, Any] = {"turns": 8, "trace.tensorboard": False, "picture.every": 0}


@pytest.fixture(params=[name if name == "losses" else pytest.param(name, marks=pytest.mark.thorough) for name in FAULTS])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A game that breaks at a pull of 2, as a file; and the reason."""
    code, reason = FAULTS[request.param]
    folder = tmp_path / request.param
    folder.mkdir()
    (folder / "odd.py").write_text(game_file("odd", **{"score" if request.param == "nan" else request.param: code}))
    return str(folder / "odd.py"), reason


@pytest.mark.parametrize("backend", ["optuna", "population"])
def test_a_sweep_goes_on(odd: tuple[str, str], backend: str, tmp_path: Path) -> None:
    game, reason = odd
    found = sweep(
        game, {"pull": [1.0, 2.0], "left.lr": [0.01, 0.1]}, sampler="grid", trials=4, seeds=(0, 1), backend=backend, workers=1,
        settings=SETTINGS, out=tmp_path / "s",
    )  # fmt: skip
    by_pull = {2.0: "failed", 1.0: "finished"}
    assert [record.status for record in found.records] == [by_pull[record.point["pull"]] for record in found.records]  # type: ignore[index]
    assert {record.why.removeprefix("seed 0: ") for record in found.records if record.status == "failed"} == {reason}
    assert found.best is not None and found.best.point["pull"] == 1.0
    with (tmp_path / "s" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["status"], reason in row["reason"]) for row in rows] == [
        (by_pull[float(row["pull"])], row["pull"] == "2.0") for row in rows
    ]


@pytest.mark.parametrize("backend", ["in-place", pytest.param("population", marks=pytest.mark.thorough)])
def test_a_comparison_goes_on(odd: tuple[str, str], backend: str, tmp_path: Path) -> None:
    game, reason = odd
    found = compare(game, {"pull": [1.0, 2.0]}, seeds=2, settings=SETTINGS, backend=backend, out=tmp_path / "c")
    assert [[run.status for run in summary.outcomes] for summary in found.summaries] == [["finished"] * 2, ["failed"] * 2]
    assert [run.reason for run in found.summaries[1].outcomes] == [reason] * 2
    assert [summary.verdicts == Verdict.FAILED for summary in found.summaries] == [False, True]
    assert reason in (tmp_path / "c" / "comparison.csv").read_text()


def test_a_map_goes_on(odd: tuple[str, str], tmp_path: Path) -> None:
    game, reason = odd
    found = play_map(game, {"pull": [1.0, 2.0], "left.lr": [0.01, 0.1]}, settings=SETTINGS, out=tmp_path / "m", workers=1)
    assert [cell.verdict == Verdict.FAILED for cell in found.cells] == [False, True, False, True]
    assert {run.reason for run in found.runs.values() if run.status == "failed"} == {reason}
    assert reason in (tmp_path / "m" / "map.csv").read_text()


@pytest.mark.parametrize("odd", ["losses"], indirect=True)
def test_the_commands_end_with_a_count_of_failures(odd: tuple[str, str], quick_cli: Cli) -> None:
    game, reason = odd
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    swept = quick_cli("sweep", game, "--vary", "pull=1,2", "--trials", "2", "--sampler", "grid", "--seeds", "1", "--workers", "1", *options)
    assert swept.returncode == 0 and f"failed        1 of 2 points, such as 1: {reason}" in swept.stdout
    compared = quick_cli("compare", game, "--vary", "pull=1,2", "--workers", "1", *options)
    assert compared.returncode == 0 and f"failed  1 of 2 points, such as 1: {reason}" in compared.stdout
    mapped = quick_cli("map", game, "--vary", "pull=1,2", "--vary", "left.lr=0.01,0.1", "--workers", "1", *options)
    assert mapped.returncode == 0 and f"failed      2 of 4 runs, such as: {reason}" in mapped.stdout
