"""The face of the package: names that are imported on first use, with their types in a stub."""

import ast
import importlib
from pathlib import Path

import pytest

import arena

STUB = ast.parse(Path(arena.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
TYPED = {alias.name: node.module or "" for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_the_stub_types_every_name() -> None:
    assert set(TYPED) == set(arena.__all__)


@pytest.mark.parametrize("name", sorted(arena.__all__))
def test_a_name_comes_from_where_the_stub_says(name: str) -> None:
    assert getattr(arena, name) is getattr(importlib.import_module(TYPED[name]), name)
