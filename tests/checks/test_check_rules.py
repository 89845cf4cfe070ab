"""check_rule is itself tested: every registered rule passes, and faults of published implementations are caught."""

import math
from typing import Any

import pytest
import torch

from arena import Field, GameFault, UpdateRule
from arena.checks.rules import CHECKS, check_rule, examine_rule
from arena.core.directions import Direction, plus, times
from arena.registry import entries
from arena.rules import (
    CompetitiveGradientDescent,
    Consensus,
    Extragradient,
    LinearGame,
    LinearMap,
    LookaheadMinimax,
    Optimistic,
    RungeKutta,
    Simultaneous,
    SymplecticGradientAdjustment,
    Turn,
    Unrolled,
    competitive_gradient_descent,
)
from tests.support.quadratic_games import BOTH, XY, position, quadratic


class StepsOneByOne(Simultaneous):
    """The first player steps through `.data` before the second one's gradient is taken: autograd's version check sees nothing."""

    def step(self, turn: Turn) -> None:
        for role in turn.roles:
            gradients = turn.field.gradients(of=[role])
            for name, gradient in gradients.items():
                turn.field.moving[name].data.sub_(turn.learning_rate(role) * gradient)


class ForgetsToRestore(Extragradient):
    """The look-ahead is not taken back."""

    def step(self, turn: Turn) -> None:
        turn.move(turn.field.gradients())
        turn.move(turn.field.gradients())


class FreezesOwnBlock(Extragradient):
    """Each player looks ahead at the other's move only: that is LookAhead."""

    def step(self, turn: Turn) -> None:
        field, rates = turn.field, turn.learning_rates()
        now = field.gradients()
        ahead = {name: p.detach() - rates[name] * now[name] for name, p in field.moving.items()}
        found: Direction = {}
        for role in turn.roles:
            others = {name: ahead[name] for name in ahead if name not in field.names_of(role)}
            found |= field.gradients(others, of=[role])
        turn.move(found)


class KeepsAReference(Optimistic):
    """The last gradient is kept by reference, and the buffer it lives in is overwritten in place (set_to_none=False)."""

    def step(self, turn: Turn) -> None:
        now = turn.field.gradients()
        buffer = self.memory.setdefault("buffer", {name: torch.zeros_like(g) for name, g in now.items()})
        for name, gradient in now.items():
            buffer[name].copy_(gradient)
        before = self.memory.setdefault("before", buffer)
        turn.move(plus(times(2.0, buffer), before, -1.0))


class StartsOtherwise(Optimistic):
    """The step before the first is taken as zero where the present gradient was claimed."""

    def __init__(self) -> None:
        super().__init__(first="present")

    def step(self, turn: Turn) -> None:
        self.first = "zero"
        super().step(turn)
        self.first = "present"


class SyncsApart(LookaheadMinimax):
    """A wrapper for each player: the second player's slow weights are synchronised a turn later."""

    def step(self, turn: Turn) -> None:
        moving = turn.field.moving
        if "slow" not in self.memory:
            self.remember("slow", dict(moving))
        self.inner.step(turn)
        self.turns += 1
        for late, role in enumerate(turn.roles):
            if (self.turns - late) % self.k == 0 and self.turns > late:
                names = turn.field.names_of(role)
                slow = {name: self.memory["slow"][name] for name in names}
                turn.place({name: slow[name] + self.a * (moving[name].detach() - slow[name]) for name in names})
                self.remember("slow", {name: moving[name] for name in names})


class FirstSyncDoesNothing(LookaheadMinimax):
    """The slow weights are first taken at the first synchronisation, so that it changes nothing."""

    def step(self, turn: Turn) -> None:
        if self.turns + 1 < self.k:
            self.inner.step(turn)
            self.turns += 1
            self.memory.clear()
        else:
            super().step(turn)


class FreezesTheOpponent(RungeKutta):
    """Every stage moves one player against the other where it began: on xy that is Euler's step."""

    def step(self, turn: Turn) -> None:
        field, rates = turn.field, turn.learning_rates()
        start = {name: p.detach() for name, p in field.moving.items()}
        found: Direction = {}
        for role in turn.roles:
            own = {name: start[name] for name in field.names_of(role)}
            stages = [field.gradients(of=[role])]
            for node in (0.5, 0.5, 1.0):
                stages.append(field.gradients({n: p - node * rates[n] * stages[-1][n] for n, p in own.items()}, of=[role]))
            found |= {n: sum(w * s[n] for w, s in zip((1 / 6, 1 / 3, 1 / 3, 1 / 6), stages, strict=True)) for n in own}
        turn.move(found)


class DropsEpsilon(SymplecticGradientAdjustment):
    """The sign's ε is dropped: on xy, where the product vanishes, the adjustment is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed, self.epsilon = self.epsilon, 0.0

    def linear_map(self, game: LinearGame) -> LinearMap:
        return SymplecticGradientAdjustment(epsilon=self.claimed).linear_map(game)


class Truncates(Unrolled):
    """No derivative through the inner steps: player 1 only meets a stronger opponent."""

    def step(self, turn: Turn) -> None:
        field = turn.field
        first, second = turn.roles
        direction = field.gradients(of=[second])
        ahead = {name: field.moving[name].detach() for name in field.names_of(second)}
        for _ in range(self.steps):
            gradient = field.gradients(ahead, of=[second])
            ahead = {name: p - turn.learning_rate(second) * gradient[name] for name, p in ahead.items()}
        turn.move({**direction, **field.gradients(ahead, of=[first])})


class HalfConsensus(Consensus):
    """The consensus term is off by ½."""

    def direction(self, field: Field) -> Direction:
        v = field.gradients()
        return plus(v, field.vjp(v), self.gamma / 2)


class StaleResidual(CompetitiveGradientDescent):
    """A warm start whose residual is that of a cold one."""

    def __init__(self) -> None:
        super().__init__(warm_start=True, tolerance=1e-12)

    def step(self, turn: Turn) -> None:
        honest = competitive_gradient_descent.conjugate_gradients

        def stale(apply, b, *, start=None, **options):  # type: ignore[no-untyped-def]
            found = honest(apply, b, **options)
            return found if start is None else found._replace(x=plus(start, found.x))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(competitive_gradient_descent, "conjugate_gradients", stale)
            super().step(turn)


class KeyedById(Optimistic):
    """What it remembers is keyed by id(), which means nothing in another process."""

    def state_dict(self):  # type: ignore[no-untyped-def]
        return {"memory": {str(id(self)): direction for direction in self.memory.values()}}


class CannotBeCopied(Extragradient):
    """It holds on to something that no copy can be made of."""

    def step(self, turn: Turn) -> None:
        super().step(turn)
        self.hold = (gradient for gradient in turn.field.moving)


class DrawsNoise(Simultaneous):
    """It draws from the global stream."""

    def step(self, turn: Turn) -> None:
        turn.move({name: g + 0 * torch.rand(()) for name, g in turn.field.gradients().items()})


class StepsEverybody(Simultaneous):
    """It steps the optimizer of who stays."""

    def step(self, turn: Turn) -> None:
        turn.move(turn.field.gradients())
        for role, optimizer in turn.optimizers.items():
            if role not in turn.roles:
                optimizer.step()


class Overcharges(Simultaneous):
    """It evaluates the field twice and says once."""

    def direction(self, field: Field) -> Direction:
        field.gradients()
        return field.gradients()


class Drifts(Simultaneous):
    """It moves even where every gradient is zero."""

    def direction(self, field: Field) -> Direction:
        return {name: g + 1.0 for name, g in field.gradients().items()}


class NoRule:
    """It is nothing that the arena knows."""


LINEAR = "away from the position by linear_map"


FAULTS: dict[Any, str] = {
    StepsOneByOne: LINEAR,
    ForgetsToRestore: LINEAR,
    FreezesOwnBlock: LINEAR,
    KeepsAReference: LINEAR,
    StartsOtherwise: LINEAR,
    SyncsApart: LINEAR,
    FirstSyncDoesNothing: LINEAR,
    FreezesTheOpponent: LINEAR,
    Truncates: LINEAR,
    HalfConsensus: LINEAR,
    StaleResidual: LINEAR,
    KeyedById: "put its whole memory into state_dict, by names and not by id",
    CannotBeCopied: "it cannot be deep-copied after a turn",
    DrawsNoise: "it drew from torch's global random stream",
    StepsEverybody: "it stepped the optimizer of a player whose share was 0|it moved a player whose share was 0",
    Overcharges: r"a turn takes 4 gradients and 0 products, but cost\(\) claims 2 and 0",
    Drifts: "at a solution, where every gradient is zero, a turn moves the players by",
    NoRule: "NoRule is no UpdateRule; derive its class from arena.rules.UpdateRule",
}


@pytest.mark.parametrize("faulty", FAULTS, ids=lambda rule: rule.__name__)
def test_a_planted_fault_is_caught(faulty: Any) -> None:
    with pytest.raises(GameFault, match=f"^{faulty.__name__}: .*({FAULTS[faulty]})"):
        check_rule(faulty)


def test_a_dropped_epsilon_turns_the_symplectic_rule_into_simultaneous_descent_on_xy() -> None:
    """On a generic J the sign is settled without ε, so this fault shows on xy alone."""
    ends = []
    for rule in (DropsEpsilon(), SymplecticGradientAdjustment(), Simultaneous()):
        arena = quadratic(XY, rule, (0.1, 0.1), split=1)
        with torch.no_grad():
            for p in arena.game.parameters():
                p.fill_(1.0)
        arena.play_turn(BOTH)
        ends.append(position(arena))
    assert torch.equal(ends[0], ends[2]) and float((ends[1] - ends[0]).norm()) > 0.1


@pytest.mark.parametrize(("rule", "growth"), [(Simultaneous, 1.01**50), (StepsOneByOne, 0.999)])
def test_stepping_through_data_hides_the_growth(rule: type[UpdateRule], growth: float) -> None:
    """On θψ at η = .1 simultaneous descent grows by √1.01^100 in 100 turns; the fault, which is alternation, does not grow."""
    arena = quadratic(XY, rule(), (0.1, 0.1), split=1)
    with torch.no_grad():
        for p in arena.game.parameters():
            p.fill_(1.0)
    before = position(arena).norm()
    for _ in range(100):
        arena.play_turn(BOTH)
    measured = float(position(arena).norm() / before)
    assert measured == pytest.approx(growth, rel=1e-12) if rule is Simultaneous else measured < 1.1


def test_truncated_unrolling_has_the_spectral_radius_of_the_fault() -> None:
    """√(1 − (k − 1)η²) = .9798 at η = .1 and k = 5, where differentiating through the steps gives .9539."""
    eta, distances = 0.1, {}
    for rule in (Truncates, Unrolled):
        arena = quadratic(XY, rule(), (eta, eta), split=1)
        columns = []
        for unit in torch.eye(2, dtype=torch.float64):
            with torch.no_grad():
                for p, value in zip(arena.game.parameters(), unit, strict=True):
                    p.fill_(float(value))
            arena.play_turn(BOTH)
            columns.append(position(arena))
        distances[rule] = float(torch.linalg.eigvals(torch.stack(columns, dim=1)).abs().max())
    assert distances[Truncates] == pytest.approx(math.sqrt(1 - 4 * eta**2), abs=1e-9)
    assert distances[Unrolled] == pytest.approx(math.sqrt(1 - 9 * eta**2), abs=1e-9)


QUICK = ("alternating", "extragradient", "consensus", "unrolled", "averaging")


@pytest.mark.parametrize(
    "rule", [pytest.param(e.target, marks=() if name in QUICK else pytest.mark.thorough) for name, e in entries("rule").items()]
)
def test_every_registered_rule_passes_its_check(rule: type[UpdateRule]) -> None:
    report = check_rule(rule)
    assert len(report.passed) >= 4


def test_a_check_catches_something() -> None:
    """Each of check_rule's checks has a planted fault that it, and not another, reports."""
    caught = set()
    for faulty in FAULTS:
        report = examine_rule(faulty)
        caught.add(CHECKS[len(report.passed) + len(report.skipped)])
    assert {check.__name__ for check in CHECKS} - {check.__name__ for check in caught} <= {"it_runs_over_every_optimizer"}
