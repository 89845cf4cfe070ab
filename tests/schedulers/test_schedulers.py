"""Schedules and schedulers: values, ranges, refusals."""

import copy
import math
from pathlib import Path

import pytest
import torch

from arena import schedulers
from arena.errors import BadSetting, UnknownName
from arena.registry import entries
from arena.schedulers import Alternating, Balance, Moment, TwoTimescale, WarmUp
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
    assert set(entries("scheduler")) == {"simultaneous", "alternating", "two-timescale", "warm-up", "balance"}
    for kind in ("schedule", "scheduler", "rule", "player", "game", "optimizer"):
        for entry in entries(kind).values():
            assert len(entry.summary) > 20, f"{kind} {entry.id} has no summary"


def test_a_scheduler_is_one_file() -> None:
    files = {file.stem for file in Path(schedulers.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert {entry.target.__module__ for entry in entries("scheduler").values()} == {f"arena.schedulers.{name}" for name in files}


def test_warm_up_hands_over_and_can_uncouple() -> None:
    warm = WarmUp(fraction=0.2, first=1.0, second=1.0, coupled=False, ratio=1)
    assert warm.action(Moment(1, 10, 0.5)) == (1.0, 1.0, 0.0)
    assert warm.action(Moment(2, 10, 0.5)) == (0.0, 1.0, 0.5)


def test_balance_keeps_a_signal_in_its_band() -> None:
    """A signal that falls as b rises, 1 − b/2, settles at the edge of the band, from either side; turned round, b runs away."""
    for start, rising, settled in ((0.1, True, (0.4, 0.9)), (1.0, True, (0.4, 0.9)), (0.1, False, (0.0, 0.1))):
        balance, signals = Balance(low=0.6, high=0.8, rising=rising, start=start, every=2, memory=0.5), {}
        looks = 0
        for turn in range(400):
            looks += balance.observes
            b = balance.action(Moment(turn, 400, 1.0, signals if balance.observes else {}))[2]
            signals = {"game.domain_accuracy": 1 - b / 2}
        assert settled[0] <= b <= settled[1]
        assert looks == 200


def test_balance_tells_of_a_signal_that_there_is_not() -> None:
    balance = Balance(signal="game.domain_acuracy", every=1)
    balance.action(Moment(0, 9, 1.0, {"progress": 0.0}))
    with pytest.raises(UnknownName, match=r"unknown signal 'game.domain_acuracy': did you mean 'game.domain_accuracy'\?"):
        balance.action(Moment(1, 9, 1.0, {"game.domain_accuracy": 0.5}))


def test_balance_continues_a_run_exactly() -> None:
    from arena import configure

    settings = {"scheduler": "balance", "scheduler.every": 3, "scheduler.rate": 0.5, "scheduler.memory": 0.0, "turns": 12, "batch": 8}
    whole, part = (configure("dann", settings).build() for _ in range(2))
    for arena in (whole, part):
        arena.reset(seed=0)
        for _ in range(5):
            arena.play_scheduled_turn()
    for _ in range(7):
        whole.play_scheduled_turn()
    for _ in range(7):  # saved and restored before each turn, those with a look among them
        state = copy.deepcopy(part.state_dict())
        part = configure("dann", settings).build()
        part.reset(seed=1)
        part.load_state_dict(state)
        part.play_scheduled_turn()
    assert whole.scheduler.state_dict() == part.scheduler.state_dict()
    assert whole.scheduler.state_dict()["factor"] < 1
    for p, q in zip(whole.game.parameters(), part.game.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Alternating(0), "ratio is 0, but must be a whole number other than 0"),
        (lambda: Alternating(1.5), "ratio is 1.5, but must be a whole number"),  # type: ignore[arg-type]
        (lambda: TwoTimescale(second=math.nan), "second is nan, but must be a finite number above 0 and of at most 1"),
        (lambda: WarmUp(fraction=2), "fraction is 2, but must be a finite number of at least 0 and of at most 1"),
        (lambda: Balance(low=0.9), "high is 0.8, but must be a finite number of at least 0.9"),
        (lambda: Balance(start=0.0), "start is 0.0, but must be a finite number of at least 0.001 and of at most 1"),
        (lambda: Balance(memory=1.0), "memory is 1.0, but must be a finite number of at least 0 and below 1"),
    ],
)
def test_bad_numbers_are_refused(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadSetting) as error:
        build()
    assert str(error.value).startswith(message)
