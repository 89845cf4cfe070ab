"""Schedules and schedulers: values, ranges, refusals."""

import math

import pytest

from arena.errors import BadSetting
from arena.registry import entries
from arena.schedulers import Alternating, Moment, TwoTimescale, WarmUp
from arena.schedules import cosine, cyclic, dann_ramp, inverse_decay, linear, step


@pytest.mark.parametrize("p", [0.0, 0.1, 0.37, 0.5, 1.0])
def test_schedules_are_their_formulas(p: float) -> None:
    assert dann_ramp(p) == pytest.approx(math.tanh(5 * p), abs=1e-15)  # 2/(1 + e^−γp) − 1 = tanh(γp/2)
    assert inverse_decay(p) == pytest.approx((1 + 10 * p) ** -0.75, abs=1e-15)
    assert linear(p, 2.0, 1.0) == pytest.approx(2.0 - p)
    assert cosine(p, 1.0, 0.5) == pytest.approx(0.75 + 0.25 * math.cos(math.pi * p))


def test_step_and_cyclic_at_their_corners() -> None:
    assert [step(p, 0.1, 2) for p in (0.0, 0.33, 0.34, 0.67, 1.0)] == pytest.approx([1, 1, 0.1, 0.01, 0.01])
    assert [cyclic(p, 1.0, 3.0, 2) for p in (0.0, 0.125, 0.25, 0.5, 0.75)] == pytest.approx([1, 2, 3, 1, 3])


def test_every_schedule_and_scheduler_is_found_with_a_summary() -> None:
    assert set(entries("schedule")) == {"constant", "linear", "dann-ramp", "inverse-decay", "cosine", "step", "cyclic"}
    assert set(entries("scheduler")) == {"simultaneous", "alternating", "two-timescale", "warm-up"}
    for kind in ("schedule", "scheduler", "rule", "player", "game", "optimizer"):
        for entry in entries(kind).values():
            assert len(entry.summary) > 20, f"{kind} {entry.id} has no summary"


def test_warm_up_hands_over_and_can_uncouple() -> None:
    warm = WarmUp(fraction=0.2, first=1.0, second=1.0, coupled=False, ratio=1)
    assert warm.action(Moment(1, 10, 0.5)) == (1.0, 1.0, 0.0)
    assert warm.action(Moment(2, 10, 0.5)) == (0.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Alternating(0), "ratio is 0, but must be a whole number other than 0"),
        (lambda: Alternating(1.5), "ratio is 1.5, but must be a whole number"),  # type: ignore[arg-type]
        (lambda: TwoTimescale(second=math.nan), "second is nan, but must be a finite number above 0 and of at most 1"),
        (lambda: WarmUp(fraction=2), "fraction is 2, but must be a finite number of at least 0 and of at most 1"),
    ],
)
def test_bad_numbers_are_refused(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadSetting) as error:
        build()
    assert str(error.value).startswith(message)
