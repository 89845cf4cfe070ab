"""Examples in docstrings run. Modules are imported by the names that users type: `arena.games.…` for a file in games/."""

import doctest
import importlib
import pkgutil

import pytest

import arena

PACKAGES = ["arena", "arena.games", "arena.players", "arena.tuning"]
MODULES = sorted(
    {
        module.name
        for package in PACKAGES
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
        if not module.name.endswith(".__main__")
    }
    | set(PACKAGES)
)


def examples(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return [test for test in doctest.DocTestFinder(exclude_empty=True).find(module, name) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    for test in examples(name):
        output: list[str] = []
        doctest.DocTestRunner(optionflags=0).run(test, out=output.append)
        assert not output, "".join(output)


def test_there_are_examples_and_a_wrong_one_fails() -> None:
    assert sum(len(examples(name)) for name in ("arena.core.game", "arena.games.gan.planar", "arena.tuning.space")) > 3
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner().run(wrong, out=lambda text: None).failed == 1
    assert arena.__doc__
