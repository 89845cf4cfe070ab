"""Every benchmark can be imported: most of them take minutes, and no test runs those."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import benchmarks


@pytest.mark.parametrize("name", [module.name for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks.")])
def test_a_benchmark_is_imported(name: str) -> None:
    if name.endswith("jax_games"):
        pytest.importorskip("optax", reason="the extra rivals is not installed")
    importlib.import_module(name)


@pytest.mark.slow
def test_the_rivals_play_in_turns() -> None:
    """A row without rivals: three processes of ours answer, and the table and the losses are printed."""
    command = [sys.executable, "-m", "benchmarks.rivals", "--quick", "--row", "dirac"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| dirac, one game |" in printed
    assert "losses after few rounds. ours: " in printed
    assert "by hand: not measured, not written by hand" in printed
