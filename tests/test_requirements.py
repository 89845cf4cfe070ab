"""Every package that is imported is declared in pyproject.toml, under the name of its distribution, and every required one is imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PRODUCT = ("arena", "games", "players", "tuning")
OWN = {*PRODUCT, "benchmarks", "tests", "examples"}
PROVIDED = {"IPython"}
"""Packages that are imported only if they run this code."""


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement.

    Example:
        >>> name_of("jsonargparse[signatures]>=4.41"), name_of("types_PyYAML")
        ('jsonargparse', 'types-pyyaml')
    """
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]).lower()


def declared(*extras: str) -> set[str]:
    """Return the distributions that the package requires, with these extras."""
    optional = PROJECT["optional-dependencies"]
    return {name_of(word) for words in (PROJECT["dependencies"], *(optional[extra] for extra in extras)) for word in words}


def imported(source: str) -> set[str]:
    """Return the top-level names of other packages that a file imports, wherever the import stands.

    Example:
        >>> sorted(imported("import yaml, os.path\\ndef late():\\n    from ray import tune\\n    import torch.nn as nn"))
        ['ray', 'torch', 'yaml']
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OWN - PROVIDED


def imports_of(folders: Iterable[str]) -> dict[str, str]:
    """Return a file that imports it for each other package that files below these folders import."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    return {name: str(file.relative_to(ROOT)) for file in files for name in imported(file.read_text(encoding="utf-8"))}


def undeclared(imports: dict[str, str], requirements: set[str]) -> set[str]:
    """Return a sentence for each import of which no distribution is declared.

    Example:
        >>> undeclared({"yaml": "a.py", "numpy": "b.py"}, {"pyyaml"})
        {'b.py imports numpy'}
    """
    distributions = {name: {name_of(word) for word in words} for name, words in packages_distributions().items()}
    return {f"{file} imports {name}" for name, file in imports.items() if not distributions.get(name, {name_of(name)}) & requirements}


def test_what_the_package_imports_is_declared() -> None:
    extras = PROJECT["optional-dependencies"].keys() - {"test", "rivals"}
    assert not undeclared(imports_of(PRODUCT), declared(*extras))


def test_what_tests_benchmarks_and_examples_import_is_declared() -> None:
    assert not undeclared(imports_of(("tests", "benchmarks", "examples")), declared(*PROJECT["optional-dependencies"]))


def test_what_is_required_is_imported() -> None:
    distributions = packages_distributions()
    assert declared() <= {name_of(word) for name in imports_of(PRODUCT) for word in distributions.get(name, [name])}


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_every_requirement_has_a_lower_bound(extra: str) -> None:
    words = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    assert not [word for word in words if ">=" not in word and not word.startswith(PROJECT["name"])]
