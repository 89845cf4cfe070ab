"""Long runs hold no more memory, files and threads at their end than after the warm-up."""

import subprocess
import sys

import pytest

from benchmarks.long_runs import Sample, judge


@pytest.mark.parametrize(("memory", "files", "threads"), [(1.0, 0, 0), (0, 0.1, 0), (0, 0, 0.1)])
def test_growth_is_seen(memory: float, files: float, threads: float) -> None:
    def samples(*slopes: float) -> list[Sample]:
        return [Sample(t, 900 + slopes[0] * t, int(5 + slopes[1] * t), int(3 + slopes[2] * t)) for t in range(100)]

    assert judge("steady", samples(0, 0, 0), 100)
    assert not judge("grows", samples(memory, files, threads), 100)


@pytest.mark.slow
def test_a_run_and_an_environment_do_not_grow() -> None:
    words = ["--games", "ring", "--turns", "20000", "--steps", "400"]
    done = subprocess.run([sys.executable, "-m", "benchmarks.long_runs", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("after the warm-up") == 2
