"""Every benchmark can be imported: most of them take minutes, and no test runs those."""

import importlib
import pkgutil

import pytest

import benchmarks


@pytest.mark.parametrize("name", [module.name for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks.")])
def test_a_benchmark_is_imported(name: str) -> None:
    importlib.import_module(name)
