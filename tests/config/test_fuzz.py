"""Any settings at all: they are configured, or refused in one short line."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.config import configure
from arena.errors import ArenaError
from tests.support.hostile_settings import LONG, configurations

Case = tuple[str, dict[Any, Any], list[str]]
DEEP: dict[str, Any] = {}
DEEP["rule"] = DEEP
FAILED: list[Case] = [
    ("ring", {"threads": 2**33}, []),
    ("ring", {"dtype": None}, []),
    ("ring", {"device": None}, []),
    ("ring", {"device": "meta"}, []),
    ("ring", {"device": "mps:3"}, []),
    ("ring", {"device": "cpu:7"}, []),
    ("ring", {"generator.hidden": None}, []),
    ("ring", {"generator.betas": None}, []),
    ("ring", {"generator.player": "torch.optim.SGD"}, []),
    ("ring", {None: 3}, []),
    ("ring", {"rule": {("a", "b"): 3}}, []),
    ("ring", {"rule": "a." * 3000 + "b"}, []),
    ("ring", {"generator.batch": "[" * 5000}, []),
    ("ring", {"turns": [[LONG * 99] * 99]}, []),
    ("ring", {}, ["--turns", LONG * 9999]),
    ("ring", {}, [f"--{LONG * 9999}=1"]),
    ("ring", {}, ["--a\u2028b=1"]),
    ("ring", {}, ["--rule", "si\nmul"]),
    ("ring", {}, ["--generator=."]),
    ("ring", {}, ["--game="]),
    ("bilinear", DEEP, []),
    ("attack", {"data": LONG * 300}, []),
    ("attack", {"data": "~nobody-of-that-name/" + LONG * 300}, []),
    ("attack", {"data": "./a\0b\nc"}, []),
    ("dann", {"source": "a/" * 3000}, []),
]
"""What once ended in a traceback, was accepted, or was told in many lines."""


def test_a_whole_number_has_any_size() -> None:
    assert not refused(("ring", {"turns": 10**400, "seed": 10**400}, []))


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import what the first configuration needs, which may take longer than an example may."""
    configure("ring").parts()


@pytest.mark.parametrize("case", FAILED, ids=range(len(FAILED)))
def test_what_once_failed_is_refused(case: Case) -> None:
    assert refused(case)


SURE: dict[str, Any] = {"database": None, "deadline": 10_000, "suppress_health_check": [*HealthCheck]}


@settings(max_examples=300, derandomize=True, **SURE)
@given(configurations(), st.integers(0, 3))
def test_any_settings_are_configured_or_refused_in_a_line(case: Case, share: int) -> None:
    refused(case, build=share == 0)


@pytest.mark.slow
@settings(max_examples=10_000, **SURE)
@given(configurations(), st.integers(0, 3))
def test_ten_thousand_settings_are_configured_or_refused_in_a_line(case: Case, share: int) -> None:
    refused(case, build=share == 0)


def refused(case: Case, build: bool = False) -> str:
    """Return the line in which a configuration is refused, nothing if it is not; other errors are raised."""
    game, given_settings, line = case
    try:
        config = configure(game, given_settings, line)
        if build:
            config.parts()
    except ArenaError as error:
        text = str(error)
        assert text.isprintable() and 0 < len(text) < 600, text
        assert LONG * 61 not in text, text
        return text
    return ""
