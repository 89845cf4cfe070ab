"""A game that asks is told where its run stands: alone, resumed, in a population, compiled and recorded."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import Tensor

import arena
from arena import Arena, Game, GameFault, Population, Rng
from arena.config import Config, configure
from arena.core.game import Clock
from arena.engine.snapshot import begin_again
from arena.optimizers import sgd
from arena.players import Vector
from tests.engine.test_cuda_graph import recorded


class Weighed(Game):
    """x and y move by what the clock says: x along the progress, y along 1 in every second of its moves."""

    def __init__(self, pull: float = 1.0):
        super().__init__(x=Vector(1, start=0.0), y=Vector(1, start=0.0))
        self.pull = pull
        self.register_buffer("level", torch.tensor(0.0), persistent=False)
        self.register_buffer("beat", torch.tensor(0.0), persistent=False)
        self.asked: list[Clock] = []
        self.rests: list[frozenset[str]] = []

    level: Tensor
    beat: Tensor

    def sample(self, rng: Rng) -> Tensor:
        return torch.ones(1)

    def at_turn(self, clock: Clock) -> dict[str, float]:
        self.asked.append(clock)
        return {"level": clock.progress, "beat": float("y" in clock.movers and clock.moves["y"] % 2 == 0)}

    def losses(self, batch: Tensor, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        x, y = self.players["x"](), self.players["y"]()
        self.rests.append(self.idle)
        beaten = 0 * y if "beat" in self.idle else self.beat * y
        return {"x": -(self.pull * self.level * x * batch).sum(), "y": -(beaten * batch).sum()}

    def score(self) -> Tensor:
        return torch.zeros(())


RATES = {"x": functools.partial(sgd, lr=1.0), "y": functools.partial(sgd, lr=1.0)}


def test_it_is_told_before_each_turn() -> None:
    played = Arena(Weighed, optimizers=RATES, turns=4)
    game: Any = played.game
    game.asked.clear(), game.rests.clear()
    for action in ((1, 1, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1)):
        played.play_turn(action)
    assert [clock.turn for clock in game.asked] == [0, 1, 2, 3]
    assert [clock.progress for clock in game.asked] == [0, 0.25, 0.5, 0.75]
    assert [dict(clock.moves)["y"] for clock in game.asked] == [0, 1, 1, 2]
    assert [clock.movers for clock in game.asked] == [("x", "y"), ("x",), ("y",), ("x", "y")]
    assert float(game.players["x"]().detach()) == 0 + 0.25 + 0.75
    assert float(game.players["y"]().detach()) == 2  # in its first and its third move
    assert game.rests[-4:] == [{"level"}, {"beat"}, {"beat"}, frozenset()]


def test_nobody_is_asked_in_vain() -> None:
    """A game without `at_turn` is not called, and one that gives nothing at the start is not asked again."""

    class Silent(Weighed):
        def at_turn(self, clock: Clock) -> dict[str, float]:
            self.asked.append(clock)
            return {}

    played = Arena(Silent, optimizers=RATES, turns=4)
    played.play_turn((1, 1, 1))
    assert len(played.game.asked) == 1  # type: ignore[arg-type]
    assert not Arena(arena.configure("ring").example()).episode.scheduled_buffers


@pytest.mark.parametrize("faulty", ["levle", "pull"])
def test_a_number_without_a_buffer_is_told_of(faulty: str) -> None:
    class Faulty(Weighed):
        def at_turn(self, clock: Clock) -> dict[str, float]:
            return {faulty: 1.0}

    with pytest.raises(GameFault) as fault:
        Arena(Faulty)
    assert str(fault.value) == (
        f"Faulty.at_turn gives '{faulty}', which is no buffer of one number; write self.register_buffer('{faulty}', torch.tensor(0.0), "
        "persistent=False) into its __init__"
    )


GAN: dict[str, Any] = {
    "turns": 8,
    "batch": 8,
    "dtype": "float64",
    "scheduler": "alternating",
    "generator.hidden": [8],
    "discriminator.hidden": [8],
    "penalty": "r1",
    "penalty_every": 2,
    "instance_noise": 0.5,
    "instance_noise_schedule": "linear",
}


def played(config: Config, turns: int) -> Arena:
    made = config.build()
    made.reset(seed=config.run.seed)
    for _ in range(turns):
        made.play_scheduled_turn()
    return made


def far(a: Any, b: Any) -> float:
    return max(float((p - q).detach().abs().max()) for p, q in zip(a, b, strict=True))


def test_a_resumed_run_is_told_the_same() -> None:
    """Also of moves: turn 5 of 8 begins between two lazy penalties."""
    config = configure("ring", GAN)
    whole, half, rest = played(config, 8), played(config, 5), played(config, 0)
    rest.load_state_dict(half.state_dict())
    for _ in range(3):
        rest.play_scheduled_turn()
    assert all(torch.equal(p, q) for p, q in zip(whole.game.parameters(), rest.game.parameters(), strict=True))
    off = played(configure("ring", {**GAN, "penalty_every": 3}), 8)
    assert far(off.game.parameters(), whole.game.parameters()) > 1e-5  # so that a wrong count of moves would show


def test_members_equal_their_runs_alone_where_they_stand_at_different_turns() -> None:
    """Different budgets, so that progress differs, numbers that differ, schedulers that differ in who moves, and one that begins anew."""
    base = configure("ring", {**GAN, "discriminator.spectral_norm": True})
    changes: list[dict[str, Any]] = [
        {},
        {"turns": 5, "gamma": 3.0},
        {"seed": 2, "instance_noise": 0.1},
        {"scheduler.ratio": 2, "turns": 6, "label_smoothing": 0.1},
    ]
    configs = [base.vary(change) for change in changes]
    together = Population(configs, check_equivalence=False)
    together.reset()
    for _ in range(8):
        together.over = together.turns_played >= together.budgets
        together.play_scheduled_turn()
    for member, config in enumerate(configs):
        alone = played(config, config.run.turns)
        own = [p[member] for p in together.game.parameters()]
        assert far(own, alone.game.parameters()) < 1e-10
    fresh = torch.tensor([False, True, False, False])
    begin_again(together.episode, fresh.numpy(), together.seeds)
    assert [int(count[1]) for count in together.moves.values()] == [0, 0] and together.moves["generator"][0] > 0
    together.over[:] = [True, False, True, True]
    for _ in range(5):
        together.play_scheduled_turn()
    assert far([p[1] for p in together.game.parameters()], played(configs[1], 5).game.parameters()) < 1e-10


def test_a_population_goes_on_from_its_state() -> None:
    configs = [configure("ring", {**GAN, "seed": seed}) for seed in range(2)]
    one, other = (Population(configs, check_equivalence=False) for _ in range(2))
    for population in (one, other):
        population.reset()
    for _ in range(3):
        one.play_scheduled_turn()
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for population in (one, other):
        for _ in range(4):
            population.play_scheduled_turn()
    assert all(torch.equal(p, q) for p, q in zip(one.game.parameters(), other.game.parameters(), strict=True))


@pytest.mark.parametrize("members", [0, 3])
def test_a_recorded_turn_reads_the_number_of_the_turn_that_is_played(members: int) -> None:
    """What a recording saw first must not stay: buffers are read again, and turns in which something rests are recorded apart."""
    config = configure("ring", {**GAN, "turns": 40, "discriminator.spectral_norm": True})
    made: list[Any] = []
    for _ in range(2):
        if members:
            made.append(Population([config.vary({"seed": seed}) for seed in range(members)], check_equivalence=False))
            made[-1].reset()
        else:
            made.append(config.build())
            made[-1].reset(seed=0)
    plain, fast = made
    fast.graphs = recorded(fast)
    for _ in range(30):
        plain.play_scheduled_turn()
        fast.play_scheduled_turn()
    assert fast.graphs.why_not is None and len(fast.graphs._recorded) == 3  # the generator's, and two of the discriminator's
    assert far(plain.game.parameters(), fast.game.parameters()) < 1e-12


@pytest.mark.parametrize("members", [0, 2])
def test_compiled_code_reads_the_number_of_the_turn_that_is_played(members: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be compiled is a trace, and the trace must not hold the number; it is run as it is, since compiling takes a minute."""
    monkeypatch.setattr(torch._inductor, "compile", lambda traced, inputs: traced)
    config = configure("ring", {**GAN, "scheduler": "simultaneous", "turns": 6, "discriminator.spectral_norm": True})
    made: list[Any] = []
    for choice in (config, config.vary({"compile": True})):
        if members:
            made.append(Population([choice.vary({"seed": seed}) for seed in range(members)], check_equivalence=False))
            made[-1].reset()
        else:
            made.append(choice.build())
            made[-1].reset(seed=0)
        for _ in range(5):
            made[-1].play_scheduled_turn()
    plain, fast = made
    assert fast.field.compiled.why_not is None and len(fast.field.compiled._made) == 2
    assert far(plain.game.parameters(), fast.game.parameters()) < 1e-10
