"""Populations: members equal single runs, do not touch each other, and behave as Gymnasium's vector environments should."""

import copy
import itertools
import math
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import arena.games  # noqa: F401  (registers the environments)
from arena import Game, Slot, configure
from arena.config.gym import make_vec
from arena.core.field.members import CannotShare
from arena.engine.vector_env import Population
from arena.errors import ArenaError, BadSetting, GameFault
from arena.players import MLP, Vector
from arena.registry import entries
from benchmarks.equality import KINDS, OF_RULES, difference, settings_of
from tests.conftest import SELF_CONTAINED
from tests.support.cases import first, one_of_each
from tests.support.population_games import MoonsDANN

SMALL: dict[str, Any] = {"generator.hidden": (8, 8), "discriminator.hidden": (8, 8), "batch": 16}


def population(game: Any, members: list[dict[str, Any]], **settings: Any) -> Population:
    base = configure(game, {"dtype": "float64", "turns": 50, **settings})
    return Population([base.vary({"seed": seed, **own}) for seed, own in enumerate(members)])


def parameters(game: Game) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in game.named_parameters()}


# Members equal single runs ------------------------------------------------------------------------------------------------------


OPTIMIZERS = [("momentum", "Adam"), ("RMSprop", "SGD")]


@pytest.mark.parametrize(("rule", "case"), one_of_each(entries("rule"), list(itertools.product(KINDS, OPTIMIZERS))))
def test_members_equal_single_runs(rule: str, case: tuple[str, tuple[str, str]]) -> None:
    kind, optimizers = case
    first, second = KINDS[kind].roles
    members: list[dict[str, Any]] = [{}, {f"{first}.lr": 3e-3}, {f"{second}.lr": 5e-3}]
    assert difference(KINDS[kind].game, settings_of(KINDS[kind], rule, *optimizers), members[: 2 if rule in OF_RULES else 3], 8) < 1e-10


@pytest.mark.parametrize(("rule", "kind"), one_of_each(entries("rule"), KINDS))
def test_members_whose_players_move_in_different_turns_equal_single_runs(kind: str, rule: str) -> None:
    members = [
        {"scheduler": "alternating", "scheduler.ratio": 1},
        {"scheduler": "alternating", "scheduler.ratio": 3},
        {"scheduler": "two-timescale", "coupling": 0.5},
    ]
    assert difference(KINDS[kind].game, settings_of(KINDS[kind], rule, "momentum", "Adam"), members, 7) < 1e-10


@pytest.mark.parametrize(
    "members",
    [
        [{"rule.gamma": 0.5}, {"rule.gamma": 2.0}],
        [{"rule": "averaging", "rule.start": 0}, {"rule": "averaging", "rule.start": 5, "rule.decay": 0.5}],
        [{"rule": "lookahead", "rule.k": 2}, {"rule": "lookahead", "rule.k": 3, "rule.a": 0.9}],
        [{"rule": "lola", "rule.alpha": 0.0}, {"rule": "lola", "rule.alpha": 0.3}],
        [{"rule": "unrolled", "rule.alpha": 0.0}, {"rule": "unrolled", "rule.alpha": 0.3}],
        [{"rule": "alex-gda", "rule.delta": 1.0}, {"rule": "alex-gda", "rule.delta": 3.0}],
        [{"rule": "acgd", "rule.beta": 0.9}, {"rule": "acgd", "rule.beta": 0.5, "rule.epsilon": 1e-2}],
        [{"rule": "ridge", "rule.damping": 0.5}, {"rule": "ridge", "rule.damping": 2.0}],
        [{"x.optimizer": "adam", "x.betas": (0.1, 0.9)}, {"x.optimizer": "adam", "x.betas": (0.5, 0.99), "x.weight_decay": 0.1}],
        [{"x.momentum": 0.0, "x.weight_decay": 0.0}, {"x.momentum": 0.9, "x.weight_decay": 0.3}],
        [{"coupling": "linear", "coupling.start": 0.2}, {"coupling": "dann-ramp"}],
        [{"x.schedule": "linear"}, {"x.schedule": "inverse-decay", "y.schedule": "cosine"}],
        [{"turns": 40}, {"turns": 23, "coupling": "linear"}],
    ],
    ids=lambda members: " ".join(sorted({name for own in members for name in own})),
)
def test_what_may_differ_from_member_to_member(members: list[dict[str, Any]]) -> None:
    assert difference("quadratic", {"rule": "extragradient", "dtype": "float64", "until_solved": False}, members, 20) < 1e-10


@pytest.mark.parametrize(
    ("game", "members"),
    [
        ("swiss-roll", [{"noise": 0.1, **SMALL}, {"noise": 0.9, **SMALL}]),
        ("dirac", [{"penalty": "r1", "gamma": 0.3}, {"penalty": "r1", "gamma": 3.0}]),
        ("dirac", [{"generator.bound": 0.5, "instance_noise": 0.4}, {"generator.bound": 0.2, "instance_noise": 0.8}]),
        ("bilinear", [{"scale": 0.5}, {"scale": 2.0}]),
    ],
    ids=["noise of the data", "penalty", "bound and instance noise", "matrix"],
)
def test_numbers_of_the_game_may_differ(game: str, members: list[dict[str, Any]]) -> None:
    assert difference(game, {"dtype": "float64"}, members, 20) < 1e-10


def test_members_of_one_seed_share_their_batches_and_those_of_another_do_not() -> None:
    base = configure("swiss-roll", {"dtype": "float64", **SMALL})
    alike = Population([base.vary({"seed": 3, "generator.lr": lr}) for lr in (1e-3, 1e-2)])
    alike.reset()
    alike.play_scheduled_turn()
    assert alike.members.batch_axis is None
    mixed = Population([base.vary({"seed": seed}) for seed in (3, 4, 3)])
    mixed.reset()
    mixed.play_scheduled_turn()
    real = mixed.batch[0]
    assert torch.equal(real[0], real[2])
    assert not torch.equal(real[0], real[1])
    assert torch.equal(real[0], alike.batch[0])


@pytest.mark.thorough
@pytest.mark.parametrize("rule", ["extragradient", pytest.param("consensus", marks=pytest.mark.slow)])
def test_compiled_equals_uncompiled(rule: str) -> None:
    members = [{"generator.lr": 1e-3}, {"generator.lr": 1e-2}]
    ends = []
    for compiled in (False, True):
        playing = population("swiss-roll", members, rule=rule, compile=compiled, **SMALL)
        playing.reset()
        for _ in range(6):
            playing.play_scheduled_turn()
        ends.append(parameters(playing.game))
        if compiled:
            assert playing.field.compiled is not None
            assert playing.field.compiled.why_not is None
    assert all(torch.allclose(ends[0][name], ends[1][name], rtol=1e-10, atol=1e-12) for name in ends[0])


# Members do not touch each other ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_diverges_is_frozen_and_touches_nobody(kind: str, poison: float) -> None:
    settings = settings_of(KINDS[kind], "simultaneous", "Adam", "momentum")
    one, other = (population(KINDS[kind].game, [{}, {}, {}], **settings) for _ in range(2))
    for playing in (one, other):
        playing.reset()
    with torch.no_grad():
        for p in other.game.parameters():
            p[1] = poison
    for _ in range(3):
        for playing in (one, other):
            playing.play_scheduled_turn()
    other.read_signals()
    other.freeze_diverged()
    assert other.over.tolist() == [False, True, False]
    assert other.signals.divergence[1].turn == 1
    assert "not finite in turn 1" in str(other.signals.divergence[1])
    before = parameters(other.game)
    for _ in range(5):
        for playing in (one, other):
            playing.play_scheduled_turn()
    assert other.turns_played.tolist() == [8, 3, 8]
    for name, p in other.game.named_parameters():
        assert torch.equal(p[[0, 2]], dict(one.game.named_parameters())[name][[0, 2]]), "a neighbour was touched"
        assert torch.equal(p[1], before[name][1]) or not bool(before[name][1].isfinite().all())
        if kind == "quadratic":
            assert not torch.equal(p[0], before[name][0])


def test_a_member_that_explodes_by_its_learning_rate_is_told_of_in_the_turn_in_which_its_run_alone_would_be() -> None:
    base = configure("quadratic", {"turns": 2000, "trace.every": 1})
    configs = [base.vary({"x.lr": lr, "y.lr": lr}) for lr in (0.1, 40.0)]
    playing = Population(configs)
    playing.reset()
    while not playing.over[1]:
        playing.play_scheduled_turn()
        playing.read_signals()
        playing.freeze_diverged()
    alone = configs[1].build()
    alone.reset(seed=0)
    while alone.divergence is None:
        alone.play_scheduled_turn()
        alone.read_signals()
    assert playing.signals.divergence[1].turn == alone.divergence.turn
    assert not playing.over[0]


def test_a_member_without_an_answer_is_undefined_and_the_others_go_on() -> None:
    ridge = [[1.0, 1.0], [-1.0, 1.0]]
    flat = [[1.0, 1.0], [-1.0, 0.0]]  # the follower has no curvature of its own
    base = configure("quadratic", {"rule": "follow-the-ridge", "dtype": "float64", "turns": 10, "matrix": ridge, "split": 1})
    alone = base.build()
    alone.reset(seed=0)
    playing = Population([base, base])
    playing.reset()
    playing.game.get_buffer("jacobian").data = torch.tensor([ridge, flat], dtype=torch.float64)
    playing.members.buffers = (*playing.members.buffers, "jacobian")
    for _ in range(4):
        playing.play_scheduled_turn()
        alone.play_scheduled_turn()
    assert playing.over.tolist() == [False, True]
    assert "has no curvature of its own here" in playing.undefined[1]
    for name, p in alone.game.named_parameters():
        assert torch.allclose(dict(playing.game.named_parameters())[name][0], p, atol=1e-14)


# As a vector environment --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("game", first(6, SELF_CONTAINED))
def test_every_game_is_a_vector_environment(game: str) -> None:
    spec = next(s for s in gymnasium.registry.values() if s.kwargs.get("game") == game)
    small = {"data": "digits", "batch": 8, "scored": 16, "steps": 2} if game == "attack" else {}
    if game == "gan":  # whose layout in memory members cannot have
        small = {"channels_last": False, "batch": 4}
    vector = gymnasium.make_vec(spec.id, num_envs=3, turns=4, **small)
    assert isinstance(vector, Population)
    observations, info = vector.reset(seed=0)
    assert vector.observation_space.contains(observations)
    assert info["turn"].tolist() == [0, 0, 0]
    for turn in range(4):
        observations, rewards, terminations, truncations, info = vector.step(vector.action_space.sample())
        assert vector.observation_space.contains(observations)
        assert rewards.shape == terminations.shape == truncations.shape == (3,)
        assert np.isfinite(rewards).all()
        assert (truncations | terminations).all() == (turn == 3)
    vector.close()


def test_observations_rewards_and_ends_are_those_of_single_environments() -> None:
    settings: dict[str, Any] = {"turns": 6, "dtype": "float64", "score": {"every": 2}, **SMALL}
    vector = gymnasium.make_vec("arena/SwissRoll-v0", num_envs=3, **settings)
    singles = [gymnasium.make("arena/SwissRoll-v0", disable_env_checker=True, **settings) for _ in range(3)]
    observations, info = vector.reset(seed=5)
    for i, single in enumerate(singles):
        observation, own = single.reset(seed=5 + i)
        assert np.allclose(observation, observations[i], atol=1e-6)
        assert own["score"] == pytest.approx(info["score"][i], rel=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(6):
        actions = rng.uniform(size=(3, 3)).astype(np.float32) * (rng.uniform(size=(3, 3)) < 0.7)
        actions[:, 0] = np.maximum(actions[:, 0], 0.01)  # a turn in which nobody moves is another matter
        observations, rewards, terminations, truncations, info = vector.step(actions)
        for i, single in enumerate(singles):
            observation, reward, terminated, truncated, own = single.step(actions[i])
            assert np.allclose(observation, observations[i], atol=1e-6)
            assert reward == pytest.approx(rewards[i], abs=1e-7)
            assert (terminated, truncated) == (terminations[i], truncations[i])
            for name, value in own["signals"].items():
                assert info["signals"][name][i] == pytest.approx(value, abs=1e-9), name


def test_autoreset_begins_members_afresh_in_the_next_step() -> None:
    assert Population.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.NEXT_STEP
    members = [{"turns": 3}, {"turns": 5}]
    vector = make_vec("swiss-roll", 2, members, rule="optimistic", dtype="float64", **SMALL)
    vector.reset(seed=0)
    action = np.ones((2, 3), dtype=np.float32)
    ends = []
    for _ in range(9):
        _, rewards, _, truncations, info = vector.step(action)
        ends.append(truncations.tolist())
        if len(ends) == 4:  # member 0 was begun afresh in this step, and has not played
            assert info["turn"].tolist() == [0, 4]
            assert rewards[0] == 0
    assert ends == [
        [False] * 2,
        [False] * 2,
        [True, False],
        [False] * 2,
        [False, True],
        [False] * 2,
        [True, False],
        [False] * 2,
        [False] * 2,
    ]
    assert info["turn"].tolist() == [1, 3]


def test_a_member_that_was_begun_afresh_plays_as_one_that_begins() -> None:
    vector = make_vec("swiss-roll", 2, [{"turns": 3}, {"turns": 50}], rule="optimistic", dtype="float64", **SMALL)
    vector.reset(seed=0)
    untouched = make_vec("swiss-roll", 2, [{"turns": 50}, {"turns": 50}], rule="optimistic", dtype="float64", **SMALL)
    untouched.reset(seed=0)
    action = np.ones((2, 3), dtype=np.float32)
    for _ in range(4):
        vector.step(action)
        untouched.step(action)
    seed = int(gymnasium.utils.seeding.np_random(0)[0].integers(2**31, size=2)[0])  # the population's own stream gives it
    alone = configure("swiss-roll", {"rule": "optimistic", "dtype": "float64", "turns": 3, **SMALL}).build()
    alone.reset(seed=seed)
    for _ in range(2):
        vector.step(action)
        untouched.step(action)
        alone.step(action[0])
    for name, p in alone.game.named_parameters():
        assert torch.allclose(dict(vector.game.named_parameters())[name][0], p, atol=1e-12)
        here, there = (dict(v.game.named_parameters())[name][1] for v in (vector, untouched))
        assert torch.allclose(here, there, atol=1e-12), "the other member was touched"


def test_its_state_is_saved_and_restored_exactly() -> None:
    members = [{"scheduler": "alternating"}, {"scheduler": "alternating", "scheduler.ratio": 2}]
    first = population(MoonsDANN, members, rule="averaging")
    first.reset()
    for _ in range(5):
        first.play_scheduled_turn()
    state = copy.deepcopy(first.state_dict())
    second = population(MoonsDANN, members, rule="averaging")
    second.reset()
    second.load_state_dict(state)
    for _ in range(5):
        first.play_scheduled_turn()
        second.play_scheduled_turn()
    assert all(torch.equal(a, b) for a, b in zip(first.game.parameters(), second.game.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first.game.buffers(), second.game.buffers(), strict=True))


def test_looking_leaves_no_footprints() -> None:
    looked, not_looked = (population(MoonsDANN, [{}, {}]) for _ in range(2))
    for playing in (looked, not_looked):
        playing.reset()
    for _ in range(3):
        for playing in (looked, not_looked):
            playing.play_scheduled_turn()
        looked.measure_scores()
        looked.read_signals()
    assert all(torch.equal(a, b) for a, b in zip(looked.game.parameters(), not_looked.game.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(looked.game.buffers(), not_looked.game.buffers(), strict=True))


def test_scores_are_those_of_single_runs() -> None:
    playing = population("ring", [{}, {}], **SMALL)
    playing.reset()
    playing.play_scheduled_turn()
    for member, config in enumerate(playing.configs):
        arena = config.build()
        arena.reset(seed=config.run.seed)
        arena.play_scheduled_turn()
        assert playing.measure_scores()[member] == pytest.approx(arena.measure_score(), rel=1e-9)


def test_members_are_drawn() -> None:
    base = configure("bilinear", {"turns": 3})
    vector = Population([base, base.vary({"seed": 1})], render_mode="rgb_array")
    vector.reset()
    frames = vector.render()
    assert frames is not None
    assert len(frames) == 2
    assert frames[0].std() > 0
    assert not np.array_equal(frames[0], frames[1])


# Bad input ----------------------------------------------------------------------------------------------------------------------


class Asks(Game):
    """Decides by a number that it computes, which cannot be mapped."""

    def __init__(self, left: Any = Vector, right: Any = Vector):
        super().__init__(left=Slot(None, (1,), left), right=Slot(None, (1,), right))

    def sample(self, rng: Any) -> Tensor:
        return torch.randn(1, generator=rng)

    def losses(self, batch: Tensor, coupling: Any, movers: Any) -> dict[str, Tensor]:
        left, right = self.players["left"](), self.players["right"]()
        if float(left.detach().sum()) > 100:
            left = left * 2
        pull = (left * right * batch).sum()
        return {"left": pull, "right": -pull}

    def score(self) -> Tensor:
        return self.players["left"]().norm()


class Hidden(Asks):
    """Keeps a number that differs between members where nobody can see it."""

    def __init__(self, left: Any = Vector, right: Any = Vector, weight: float = 1.0):
        super().__init__(left, right)
        self._times = lambda x: weight * x

    def losses(self, batch: Tensor, coupling: Any, movers: Any) -> dict[str, Tensor]:
        pull = self._times((self.players["left"]() * self.players["right"]() * batch).sum())
        return {"left": pull, "right": -pull}


def spectral(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(*inputs, 4)), nn.ReLU(), nn.Linear(4, *outputs))


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        (
            lambda: [configure("bilinear"), configure("bilinear", {"rule": "consensus"})],
            "share one rule, but these have Consensus, Sim",
        ),
        (lambda: [configure("bilinear"), configure("bilinear", {"x.optimizer": "adam"})], "optimizers are all SGD, RMSprop, Adam or AdamW"),
        (lambda: [configure("bilinear", {"x.optimizer": "torch.optim.NAdam"})] * 2, "or Sign or Normalized, not NAdam"),
        (lambda: [configure("bilinear"), configure("bilinear", {"dtype": "float64"})], "share one dtype"),
        (lambda: [configure("swiss-roll"), configure("swiss-roll", {"batch": 7})], "whose 'batch' differs (256 and others)"),
        (
            lambda: [configure("swiss-roll"), configure("swiss-roll", {"generator.hidden": (3,)})],
            "in shape by generator.hidden cannot",
        ),
        (lambda: [configure("bilinear", {"rule": "unrolled", "rule.steps": k}) for k in (1, 2)], "steps differs within the population"),
        (lambda: [configure(Asks)] * 2, "Asks's losses cannot be mapped over members"),
        (lambda: [configure(Hidden), configure(Hidden, {"weight": 3.0})], "keep numbers that differ between members as attributes"),
        (lambda: [configure("swiss-roll", {"discriminator": spectral})] * 2, "cannot be mapped over members"),
        (lambda: [], "at least one member"),
    ],
    ids=["rule", "optimizer", "no such form", "precision", "batch", "shape", "steps", "data-dependent", "hidden", "spectral norm", "none"],
)
def test_what_cannot_be_one_population_is_refused_in_a_sentence(configs: Any, message: str) -> None:
    with pytest.raises(CannotShare) as error:
        Population(configs())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_vec("bilinear", 0), "num_envs is 0"),
        (lambda: make_vec("bilinear", 3, [{}]), "members is 'a list of 1', but must be 3 dictionaries"),
        (lambda: make_vec("bilinear", 1, [{"x.lrr": 1.0}]), "did you mean 'x.lr'?"),
        (lambda: make_vec("bilinear", 1, [{"x.lr": -1.0}]), "x.lr is -1.0"),
        (lambda: make_vec("bilinear", 2).play_turn(np.ones((3, 3))), "actions is [[1.0, 1.0, 1.0]"),
        (lambda: make_vec("bilinear", 2).play_turn((1, 2, 1)), "actions is 'from 1 to 2', but must be within [0, 1]"),
        (lambda: make_vec("bilinear", 2, 4), "members is 4, but must be a list of dictionaries"),
        (lambda: make_vec("bilinear", 2).reset(options={"reset_mask": [True]}), "reset_mask is (1,), but must be 2 bools"),
        (lambda: make_vec("bilinear", 2).reset(seed=[1, 2, 3]), "seed is [1, 2, 3], but must be one number, or 2 of them"),
    ],
)
def test_bad_input_is_told_in_a_sentence(call: Any, message: str) -> None:
    with pytest.raises(ArenaError) as error:
        call()
    assert message in str(error.value)


class Patient(Asks):
    """Keeps its batch until the left player has moved."""

    batch_until = "left"

    def losses(self, batch: Tensor, coupling: Any, movers: Any) -> dict[str, Tensor]:
        pull = (self.players["left"]() * self.players["right"]() * batch).sum()
        return {"left": pull, "right": -pull}


def test_members_of_a_game_that_keeps_its_batch_must_end_it_together() -> None:
    playing = population(Patient, [{}, {}])
    playing.reset()
    playing.play_turn((0.0, 1.0, 1.0))
    held = playing.batch.clone()
    playing.play_turn((1.0, 0.0, 1.0))
    assert torch.equal(held, playing.batch)
    with pytest.raises(GameFault, match="must move it in the same turns"):
        playing.play_turn([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    assert difference(Patient, {"dtype": "float64", "scheduler": "alternating", "scheduler.ratio": 3}, [{}, {}], 13) < 1e-12


def test_a_number_out_of_range_is_refused_before_anything_is_built() -> None:
    with pytest.raises(BadSetting):
        population("swiss-roll", [{"noise": -1.0}])


def test_players_given_as_objects_are_copied_for_each_member() -> None:
    player = MLP((2,), (2,), hidden=(4,))
    playing = population("swiss-roll", [{}, {}], generator=player, batch=8)
    playing.reset()
    playing.play_scheduled_turn()
    own = dict(playing.game.named_parameters())["players.generator.layers.0.weight"]
    assert own.shape == (2, 4, 2)
    assert player.layers[0].weight.shape == (4, 2)


@pytest.mark.thorough
def test_compiled_code_follows_what_changes_during_a_run() -> None:
    """λ from a schedule, a number of the game changed from outside, and a batch that is no tensor."""
    ends = []
    for compiled in (False, True):
        arena = configure("dirac", {"penalty": "r1", "coupling": "linear", "turns": 12, "dtype": "float64", "compile": compiled}).build()
        arena.reset(seed=0)
        for turn in range(8):
            if turn == 4:
                arena.game.gamma = 5.0
            arena.play_scheduled_turn()
        ends.append(parameters(arena.game))
        if arena.field.compiled is not None:
            assert arena.field.compiled.why_not is None
    assert all(torch.allclose(ends[0][name], ends[1][name], rtol=1e-12, atol=1e-13) for name in ends[0])
