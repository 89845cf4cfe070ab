"""Each rule is the linear map that it claims to be, over any torch optimizer, and a planted fault is caught."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from arena import Arena, Field, Game, GameFault, UpdateRule
from arena.checks.rules import CHECKS, check_rule, examine_rule
from arena.config import configure
from arena.core.directions import Direction, plus, times
from arena.errors import UnknownName
from arena.games import Bilinear, Quadratic
from arena.optimizers import adam, adamw, rmsprop, sgd
from arena.registry import entries
from arena.rules import (
    AdaptiveCompetitiveGradientDescent,
    Averaging,
    CompetitiveGradientDescent,
    Consensus,
    Cost,
    Extragradient,
    FollowTheRidge,
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
from arena.schedulers import Alternating
from tests.support.known_answers.rules import KNOWN

OPTIMIZERS = {
    "sgd": functools.partial(sgd, lr=0.1),
    "momentum": functools.partial(sgd, lr=0.05, momentum=0.9),
    "negative momentum": functools.partial(sgd, lr=0.05, momentum=-0.5),
    "rmsprop": functools.partial(rmsprop, lr=0.01),
    "adam": functools.partial(adam, lr=0.01, betas=(0.5, 0.9)),
    "adamw": functools.partial(adamw, lr=0.01),
}
BOTH = (1.0, 1.0, 1.0)
VARIANTS = [
    lambda: Extragradient(moments="restored"),
    lambda: Optimistic(on="updates"),
    lambda: FollowTheRidge(damping=1.0, iterations=5, incomplete="accept"),  # as published for nets, whose losses are nearly flat in places
    lambda: LookaheadMinimax(Averaging(Extragradient()), k=2),
    lambda: CompetitiveGradientDescent(warm_start=True),
]


def random_jacobian(seed: int, first: int = 2, second: int = 3) -> Tensor:
    """Any J whose diagonal blocks are symmetric, as second derivatives are."""
    rng = torch.Generator().manual_seed(seed)
    j = torch.randn(first + second, first + second, generator=rng, dtype=torch.float64)
    for block in (slice(0, first), slice(first, None)):
        j[block, block] = (j[block, block] + j[block, block].T) / 2
    return j


def position(arena: Arena) -> Tensor:
    return torch.cat([p.detach().flatten() for p in arena.game.parameters()]).clone()


def quadratic(j: Tensor, rule: UpdateRule, rates: tuple[float, float], split: int = 2, optimizer: str = "sgd") -> Arena:
    build = functools.partial(Quadratic, matrix=tuple(map(tuple, j.tolist())), split=split)
    factories = {
        role: functools.partial(sgd, lr=rate) if optimizer == "sgd" else OPTIMIZERS[optimizer]
        for role, rate in zip("xy", rates, strict=True)
    }
    torch.set_default_dtype(torch.float64)
    try:
        arena = Arena(build, rule=rule, optimizers=factories, dtype=torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)
    return arena


XY = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.5, 0.5), (0.1, 0.03)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_rule_makes_the_iterates_derived_by_hand(name: str, rates: tuple[float, float], seed: int) -> None:
    known = KNOWN[name]
    j = random_jacobian(seed)
    arena = quadratic(j, known.build(), rates)
    z = position(arena)
    e = torch.tensor([rates[0]] * 2 + [rates[1]] * 3, dtype=torch.float64).diag()
    for expected in itertools.islice(known.iterates(j, e, 2, z), 12):
        arena.play_turn(BOTH)
        error = (position(arena) - expected).norm() / max(1.0, float(expected.norm()))
        assert error < 1e-12
    assert float((position(arena) - z).norm()) > 1e-3  # something happened


def test_no_rule_is_without_its_closed_form() -> None:
    """A new rule file arrives with a row in known_answers, or this fails."""
    proven = {type(known.build()) for known in KNOWN.values()}
    assert {entry.target for entry in entries("rule").values()} == proven


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if known.radius])
@pytest.mark.parametrize("eta", [0.05, 0.1, 0.5])
def test_the_claimed_spectral_radius_on_xy_is_the_published_one(name: str, eta: float) -> None:
    known = KNOWN[name]
    assert known.radius is not None
    published = known.radius(eta)
    claim = known.build().linear_map(LinearGame(XY, 1, (eta, eta)))
    assert claim is not None
    if math.isnan(published):
        assert claim.spectral_radius() > 1
        return
    assert claim.spectral_radius() == pytest.approx(published, abs=1e-7)  # a double eigenvalue has half the digits
    if known.table and eta in (0.1, 0.5):
        assert claim.spectral_radius() == pytest.approx(known.table[(0.1, 0.5).index(eta)], abs=5.5e-7)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_claimed_map_is_the_one_derived_by_hand(name: str, seed: int) -> None:
    known = KNOWN[name]
    j, rates = random_jacobian(seed), (0.1, 0.03)
    e = torch.tensor([rates[0]] * 2 + [rates[1]] * 3, dtype=torch.float64).diag()
    z = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    state = None
    for turn, expected in enumerate(itertools.islice(known.iterates(j, e, 2, z), 10), 1):
        claim = known.build().linear_map(LinearGame(j, 2, rates, z))
        if claim is None:
            assert known.build().__class__ in (AdaptiveCompetitiveGradientDescent,)
            return
        state = claim.begin(z) if state is None else state
        if turn % claim.turns == 0:
            state = claim.matrix @ state
            torch.testing.assert_close(state[:5], expected, rtol=1e-11, atol=1e-11)
        z = expected


@pytest.mark.parametrize("name", KNOWN)
def test_a_rule_costs_what_it_says(name: str) -> None:
    known = KNOWN[name]
    arena = quadratic(random_jacobian(0), known.build(), (0.1, 0.1))
    for _ in range(2):
        arena.play_turn(BOTH)  # under way
    before = arena.field.gradient_evaluations, arena.field.products
    for _ in range(5):
        arena.play_turn(BOTH)
    claim = arena.rule.cost()
    spent = Cost((arena.field.gradient_evaluations - before[0]) / 5, (arena.field.products - before[1]) / 5)
    if claim is None:
        assert spent.products > 2  # a solver, whose iterations are in its report
        assert set(arena.rule.report()) == {"iterations", "residual"}
    else:
        assert spent == claim


def test_alternating_turns_conserve_their_invariant_exactly() -> None:
    """Gidel et al. 2019: x² + y² − ηxy is conserved when x moves and then y."""
    eta = 0.3
    arena = quadratic(torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64), Simultaneous(), (eta, eta), split=1)
    x, y = position(arena).tolist()
    start = x * x + y * y - eta * x * y
    for turn in range(200):
        arena.play_turn((1.0, 0.0, 1.0) if turn % 2 == 0 else (0.0, 1.0, 1.0))
    x, y = position(arena).tolist()
    assert x * x + y * y - eta * x * y == pytest.approx(start, rel=1e-12)


@functools.cache
def builder(game: str) -> tuple[Callable[[], Game] | None, tuple[str, str]]:
    """Configure a game once for all rules and optimizers; return what builds it, and its roles."""
    arena = configure(game, {"dtype": "float64"} | ({"batch": 16} if game == "swiss-roll" else {})).build()
    return arena.episode.setup.game, arena.game.roles


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", [*(e.target for e in entries("rule").values() if e.target is not FollowTheRidge), *VARIANTS])
@pytest.mark.parametrize("game", ["quadratic", "swiss-roll"])
def test_rules_over_optimizers_leave_no_footprints(optimizer: str, rule: type[UpdateRule], game: str) -> None:
    """Buffers, global randomness, requires_grad and the player that stays are as they were."""
    build, roles = builder(game)
    assert build is not None
    arena = Arena(build, rule=rule(), optimizers=dict.fromkeys(roles, OPTIMIZERS[optimizer]), dtype=torch.float64)
    first, _ = roles
    for _ in range(3):
        arena.play_turn(BOTH, measure=True)
    assert all(math.isfinite(arena.read_signals()[f"{role}.{what}"]) for role in arena.game.roles for what in ("loss", "gradient_norm"))
    still = [p.detach().clone() for p in arena.game.players[first].parameters()]
    moments = str(arena.optimizers[first].state_dict())
    stream = torch.get_rng_state()
    arena.play_turn((0.0, 1.0, 1.0))
    assert all(torch.equal(a, b) for a, b in zip(still, arena.game.players[first].parameters(), strict=True))
    assert str(arena.optimizers[first].state_dict()) == moments
    assert torch.equal(stream, torch.get_rng_state())
    assert all(p.requires_grad for p in arena.game.parameters())
    assert all(bool(p.isfinite().all()) for p in arena.game.parameters())


def test_extra_adam_updates_its_moments_twice_and_can_restore_them() -> None:
    for moments, steps in (("kept", 2.0), ("restored", 1.0)):
        arena = quadratic(random_jacobian(0), Extragradient(moments=moments), (0.1, 0.1), optimizer="adam")  # type: ignore[arg-type]
        arena.play_turn(BOTH)
        assert {float(s["step"]) for s in arena.optimizers["x"].state.values()} == {steps}


def test_extra_adam_against_a_step_by_hand() -> None:
    """Two Adam steps written out in numbers, from x = y = 1 on f = xy: look ahead, then step from the start with the new gradient."""
    lr, (b1, b2), eps = 0.1, (0.5, 0.9), 1e-8
    j = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    arena = quadratic(j, Extragradient(), (0.1, 0.1), split=1)
    factory = functools.partial(adam, lr=lr, betas=(b1, b2), eps=eps)
    arena = Arena(arena.episode.setup.game, rule=Extragradient(), optimizers={"x": factory, "y": factory}, dtype=torch.float64)
    with torch.no_grad():
        for p in arena.game.parameters():
            p.fill_(1.0)

    def adam_step(m: float, v: float, g: float, t: int) -> tuple[float, float, float]:
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        return m, v, lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps)

    mx, vx, dx = adam_step(0, 0, 1.0, 1)  # ∂f/∂x = y = 1
    my, vy, dy = adam_step(0, 0, -1.0, 1)  # y minimises −xy: −x = −1
    ahead_x, ahead_y = 1 - dx, 1 - dy
    _, _, dx = adam_step(mx, vx, ahead_y, 2)
    _, _, dy = adam_step(my, vy, -ahead_x, 2)
    arena.play_turn(BOTH)
    assert position(arena).tolist() == pytest.approx([1 - dx, 1 - dy], abs=1e-12)


# The faults found in published implementations, planted in a copy of the rule that keeps the rule's claims ----------------------


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


@pytest.mark.parametrize("rule", [e.target for e in entries("rule").values()])
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


def test_a_rule_without_a_method_is_refused() -> None:
    with pytest.raises(Exception, match=r"the rule Empty has neither direction\(field\) nor step\(turn\)"):
        type("Empty", (UpdateRule,), {})()


class GivesAList(Simultaneous):
    def direction(self, field):  # type: ignore[no-untyped-def]
        return list(field.gradients().values())


class ForgetsAPlayer(Simultaneous):
    def direction(self, field):  # type: ignore[no-untyped-def]
        return dict(list(field.gradients().items())[:1])


class Stumbles(Simultaneous):
    def direction(self, field):  # type: ignore[no-untyped-def]
        return field.gradients()["nobody"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (GivesAList, r"^a move was along list, but must be along a dictionary of one tensor for each of \['players.x.value', 'players.y"),
        (ForgetsAPlayer, r"^a move was along \['players.x.value'\], but must be along a dictionary"),
        (
            Stumbles,
            r"^Stumbles on Quadratic failed in turn 1 \(KeyError: 'nobody'; test_rules\.py, line \d+\)\. Fix: correct the rule",
        ),
    ],
)
def test_a_faulty_rule_gets_one_sentence(rule: type[UpdateRule], message: str) -> None:
    with pytest.raises(GameFault, match=message):
        quadratic(random_jacobian(0), rule(), (0.1, 0.1)).play_turn(BOTH)


def test_shares_scale_the_learning_rate() -> None:
    arena = quadratic(random_jacobian(0), Simultaneous(), (0.1, 0.1))
    z = position(arena)
    arena.play_turn((0.5, 1.0, 1.0))
    scale = torch.tensor([0.05, 0.05, 0.1, 0.1, 0.1], dtype=torch.float64)
    torch.testing.assert_close(position(arena), z - scale * (random_jacobian(0) @ z), rtol=1e-12, atol=1e-12)


def test_any_gradient_layout_reaches_a_fused_optimizer() -> None:
    """Σx has the gradient of an expanded scalar, with stride 0; the fused kernel must still see ones."""

    class Sum(Bilinear):
        zero_sum = False

        def losses(self, batch, coupling, movers):  # type: ignore[no-untyped-def]
            return {role: self.players[role]().sum() for role in movers}

    arena = Arena(functools.partial(Sum, dim=7), optimizers=dict.fromkeys("xy", functools.partial(sgd, lr=0.5)))
    z = position(arena)
    arena.play_turn(BOTH)
    torch.testing.assert_close(position(arena), z - 0.5)


def test_an_alternating_scheduler_moves_one_player_a_turn() -> None:
    arena = Arena(Bilinear, scheduler=Alternating(ratio=3), turns=8)
    for _ in range(8):
        arena.play_scheduled_turn()
    assert arena.moves == {"x": 2, "y": 6}


def test_one_players_iterates_are_averaged_alone() -> None:
    """The moving average of a generator: m ← m + (1 − β)(z − m) at its own moves; scores see it beside the live discriminator."""
    settings = {"batch": 4, "turns": 6, "scheduler": "alternating", "generator.hidden": [4], "discriminator.hidden": [4]}
    arena = configure("ring", {**settings, "rule": "averaging(role=generator,decay=0.75)"}).build()
    arena.reset(seed=0)
    name = "players.generator.layers.0.weight"
    mean = None
    for turn in range(6):
        arena.play_scheduled_turn()
        if turn % 2:  # the discriminator moves first
            here = arena.game.get_parameter(name).detach().clone()
            mean = here if mean is None else mean + 0.25 * (here - mean)
    evaluated_parameters = arena.rule.evaluated_parameters()
    assert evaluated_parameters is not None and mean is not None
    assert set(evaluated_parameters) == {n for n, _ in arena.game.named_parameters() if n.startswith("players.generator.")}
    torch.testing.assert_close(evaluated_parameters[name], mean)
    live = float(arena.game.score().detach())  # type: ignore[union-attr]
    assert arena.measure_score() != live


def test_an_average_of_nobody_is_refused() -> None:
    with pytest.raises(UnknownName) as refused:
        configure("ring", {"rule": "averaging(role=genrator)"}).build()
    assert str(refused.value) == "unknown role 'genrator': did you mean 'generator'?"
