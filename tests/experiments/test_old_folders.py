"""Folders of version 0.1, one finished and one interrupted of each kind, still resume and end with the numbers of an unbroken one.

They lie in `tests/data/old_folders`, without pictures and without checkpoints of runs that had ended.
"""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import arena
from arena.experiments import ledger
from arena.experiments.compare import plan as comparisons
from arena.experiments.compare.play import finish as finish_comparison
from arena.experiments.map import plan as maps
from arena.experiments.map.play import finish as finish_map
from arena.trace import read_trace
from arena.tuning import plan as sweeps
from arena.tuning.play import finish as finish_sweep

OLD = Path(__file__).parent.parent / "data" / "old_folders"


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an old folder."""
    return lambda name: Path(shutil.copytree(OLD / name, tmp_path / name))


def numbers(folder: Path) -> list[dict[str, float]]:
    """The numbers of all turns of a trace; when alarms are raised has changed since."""
    rows = [row for row in read_trace(folder / "trace.jsonl") if row["kind"] == "turn"]
    return [{name: value for name, value in row.items() if isinstance(value, (int, float))} for row in rows]


def test_a_run(copy: Callable[[str], Path]) -> None:
    assert arena.resume(copy("play-finished"), display=False).status == "finished"
    resumed = copy("play-interrupted")
    assert arena.resume(resumed, display=False).status == "finished"
    for row, expected in zip(numbers(resumed), numbers(OLD / "play-finished"), strict=True):
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-3, abs=1e-6)  # rows have more fields now


@pytest.mark.parametrize("name", ["compare-finished", "compare-interrupted"])
def test_a_comparison(name: str, copy: Callable[[str], Path]) -> None:
    folder = copy(name)
    plan = comparisons.load(folder)
    found = finish_comparison(plan, folder, 1)
    assert [summary.verdicts for summary in found.summaries] == ["diverged", "converging"]
    assert [summary.spread("score") for summary in found.summaries] == [
        pytest.approx(spread, rel=1e-6)
        for spread in ((234.41570565968152, 238.93026861799387), (0.030260812847364697, 0.030843599501461465))
    ]
    for job in plan.jobs:
        for row, expected in zip(numbers(folder / job.folder), numbers(OLD / "compare-finished" / job.folder), strict=True):
            assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-6, abs=1e-12)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


EXACT = ("x", "y", "seed", "status", "turns")


@pytest.mark.parametrize("name", ["map-finished", "map-interrupted"])
def test_a_map(name: str, copy: Callable[[str], Path]) -> None:
    folder = copy(name)
    finish_map(maps.load(folder), folder, 1)
    now, then = rows(folder / "map.csv"), rows(OLD / "map-finished" / "map.csv")
    for row, expected in zip(now, then, strict=True):
        assert {name: row[name] for name in EXACT} == {name: expected[name] for name in EXACT}
        assert float(row["score"]) == pytest.approx(float(expected["score"]), rel=1e-4)


@pytest.mark.parametrize("name", ["sweep-finished", "sweep-interrupted"])
def test_a_sweep(name: str, copy: Callable[[str], Path]) -> None:
    folder = copy(name)
    found = finish_sweep(sweeps.load(folder), folder, 1)
    whole = {str(record.point): record.value for record in found.records if record.status == "finished"}
    then = {str(record.point): record.value for record in ledger.read_all(OLD / "sweep-finished")}
    assert whole == pytest.approx(then, rel=1e-5)
