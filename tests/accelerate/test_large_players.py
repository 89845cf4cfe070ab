"""Large players in one process: split batches, bfloat16, TF32, channels last. Each is the game that was asked for, or says why not."""

import copy
import functools
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena import Arena, ArenaError, Field, Game, GameFault, Rng, configure
from arena.accelerate.autocast import multiplications
from arena.accelerate.sharded_field import ShardedField
from arena.core.field.members import CannotShare
from arena.engine.vector_env import Population
from arena.errors import BadSetting
from arena.games import SwissRoll
from arena.games.gan.base import GAN
from arena.players import Vector
from arena.registry import entries
from tests.conftest import QUIET
from tests.support.cases import one_of_each

SMALL: dict[str, Any] = {
    "batch": 16,
    "dtype": "float64",
    "generator.hidden": (8,),
    "discriminator.hidden": (8,),
    "generator.activation": "tanh",
    "discriminator.activation": "tanh",
    "turns": 12,
}
RULES: dict[str, str] = {
    **{entry.id: entry.id for entry in entries("rule").values()},
    "follow-the-ridge": "follow-the-ridge(damping=1,iterations=5,incomplete=accept)",  # its losses are nearly flat in places
    "extragradient, fresh": "extragradient(batch=fresh)",
    "unrolled, three steps": "unrolled(steps=3)",
}


def played(game: Any, turns: int = 5, **settings: Any) -> Arena:
    small = SMALL if isinstance(game, str) else {}
    if "generator" in settings:
        small = {name: value for name, value in small.items() if "." not in name}
    made = configure(game, {**small, **settings}).build()
    for _ in range(turns):
        made.play_turn((1.0, 1.0, 1.0))
    return made


def noisy() -> dict[str, Any]:
    """Players with dropout and batch norm."""

    def net(inputs, outputs):  # type: ignore[no-untyped-def]
        return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, outputs[0]))

    return {"generator": net, "discriminator": net}


def apart(first: Arena, second: Arena) -> float:
    """The largest difference between the players of two arenas."""
    pairs = zip(first.game.parameters(), second.game.parameters(), strict=True)
    return max(float((p - q).detach().abs().max()) for p, q in pairs)


# Split batches -----------------------------------------------------------------------------------------------------------------


class Pulls(Game):
    """L₁ = mean ½(x − aᵢ)² + bᵢxy, L₂ = mean ½(y − bᵢ)² − aᵢxy: the field is (x − ā + b̄y, y − b̄ − āx)."""

    def __init__(self) -> None:
        super().__init__(x=Vector(1), y=Vector(1))

    def sample(self, rng: Rng) -> Tensor:
        return torch.tensor([[1.0, 2.0], [3.0, 2.0], [5.0, 4.0], [7.0, 8.0]])

    def losses(self, ab_N2, coupling, movers):  # type: ignore[no-untyped-def]
        x, y = self.players["x"](), self.players["y"]()
        a_N, b_N = ab_N2.unbind(1)
        return {"x": ((x - a_N) ** 2 / 2 + b_N * x * y).mean(), "y": ((y - b_N) ** 2 / 2 - a_N * x * y).mean()}

    def score(self) -> float:
        return 0.0


def pulls(field: type[Field] | functools.partial[Field]) -> Any:
    game = Pulls().double()
    with torch.no_grad():
        game.players["x"].value.fill_(2.0)
        game.players["y"].value.fill_(3.0)
    made = field(game)
    made.freeze(game.sample(Rng()).double(), 1.0)
    return made


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_split_fields_and_products_by_hand(parts: int) -> None:
    """ā = b̄ = 4 at (x, y) = (2, 3): v = (2 − 4 + 12, 3 − 4 − 8), J = [[1, 4], [−4, 1]]."""
    field = pulls(functools.partial(ShardedField, micro_batches=parts))
    x, y = "players.x.value", "players.y.value"
    one = {x: torch.tensor([1.0]).double(), y: torch.tensor([2.0]).double()}
    number = lambda direction: [round(float(direction[name].detach()), 12) for name in (x, y) if name in direction]  # noqa: E731
    assert number(field.gradients()) == [10.0, -9.0]
    assert number(field.gradients(keep=True)) == [10.0, -9.0]
    assert number(field.gradients(one)) == [1 - 4 + 8, 2 - 4 - 4]
    assert number(field.gradients(of=["y"])) == [-9.0]
    assert {key: float(loss) for key, loss in field.first[0].items()} == {"x": (1 + 1 + 9 + 25) / 8 + 24, "y": (1 + 1 + 1 + 25) / 8 - 24}
    assert number(field.jvp(one)) == [1 + 8, -4 + 2]
    assert number(field.vjp(one)) == [1 - 8, 4 + 2]
    assert number(field.jvp(one, of=["x"])) == [9.0]
    assert number(field.cross(one)) == [8.0, -4.0]
    assert number(field.cross_transposed(one)) == [-8.0, 4.0]
    assert number(field.gradients_for_others()) == [-12.0, 8.0]
    at = {name: tensor.requires_grad_() for name, tensor in one.items()}
    loss, gradient = field.gradient_of("x", [y], at)
    assert float(loss.detach()) == pytest.approx(8 - 0 + (0 + 4 + 16 + 36) / 8 - 0)
    assert number(gradient) == [4.0]
    assert float(torch.autograd.grad(gradient[y].sum(), at[x])[0]) == 4.0, "it can be differentiated again"
    points = {x: torch.tensor([[2.0], [1.0]]).double(), y: torch.tensor([[3.0], [2.0]]).double()}
    assert field.across(points)[x].flatten().tolist() == [10.0, 5.0]


def test_a_sum_in_the_place_of_the_mean_would_be_noticed() -> None:
    class Summing(ShardedField):
        def _mean(self, evaluate, *arguments, **settings):  # type: ignore[no-untyped-def]
            found = super()._mean(evaluate, *arguments, **settings)
            return found if self._within else torch.utils._pytree.tree_map(lambda t: t * self.micro_batches, found)

    assert float(pulls(functools.partial(Summing, micro_batches=2)).gradients()["players.x.value"].detach()) == 20.0


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_moves_the_same_on_a_split_batch(rule: str) -> None:
    settings = {"rule": rule, "scheduler": "simultaneous"}
    whole, split = played("ring", **settings), played("ring", **settings, micro_batches=4)
    assert apart(whole, split) < 1e-10
    assert whole.field.cost == split.field.cost
    assert isinstance(split.field, ShardedField)
    assert type(whole.field) is Field, "an undivided batch pays nothing for it"
    first, second = whole.read_signals(), split.read_signals()
    assert first.keys() == second.keys()
    assert all(first[name] == pytest.approx(second[name], rel=1e-8, abs=1e-10) for name in first if not name.startswith("rule."))


class _Held:
    """Numbers that autograd keeps for a backward pass, counted for as long as they are alive."""

    now = most = 0

    def __init__(self, tensor: Tensor):
        self.tensor = tensor
        type(self).now += tensor.numel()
        type(self).most = max(self.most, self.now)
        weakref.finalize(self, self.drop, tensor.numel())

    @classmethod
    def drop(cls, size: int) -> None:
        cls.now -= size


@pytest.mark.parametrize("what", ["gradients", "kept", "at", "vjp", "others"])
def test_the_activations_of_one_part_live_at_a_time(what: str) -> None:
    def most(parts: int) -> int:
        torch.manual_seed(0)
        game = SwissRoll(batch=256)
        field = ShardedField(game, parts)
        field.freeze(game.sample(Rng().seed_both(0, 1)), 1.0)
        own = {name: p.detach() for name, p in field.moving.items()}
        _Held.now = _Held.most = 0
        with torch.autograd.graph.saved_tensors_hooks(_Held, lambda held: held.tensor):
            {
                "gradients": field.gradients,
                "kept": lambda: field.gradients(keep=True),
                "at": lambda: field.gradients(own),
                "vjp": lambda: field.vjp(own),
                "others": field.gradients_for_others,
            }[what]()
        return _Held.most

    weights = sum(p.numel() for p in SwissRoll().parameters())
    assert most(8) - 2 * weights < (most(1) - 2 * weights) / 4


@pytest.mark.parametrize("rule", ["extragradient", "consensus", "lola", "unrolled(steps=2)"])
def test_dropout_masks_stay_within_a_turn_and_differ_between_parts(rule: str) -> None:
    def net(inputs, outputs):  # type: ignore[no-untyped-def]
        return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, outputs[0]))

    torch.manual_seed(0)
    game = SwissRoll(generator=net, discriminator=net, batch=8).double()
    field = ShardedField(game, 2)
    real, noise = (t.double() for t in game.sample(Rng().seed_both(0, 1)))
    field.freeze((real, noise), 1.0, seed=5)
    first = field.gradients()
    at = {name: p.detach().requires_grad_() for name, p in field.moving.items()}
    through = field.gradient_of("generator", field.names_of("generator"), at)[1]
    for name, gradient in field.gradients().items():
        assert torch.equal(gradient, first[name])
        if name in through:
            torch.testing.assert_close(gradient, through[name].detach())
    tangent = {name: torch.randn_like(p) for name, p in field.moving.items()}
    up, down = (field.gradients({n: p.detach() + s * 1e-6 * tangent[n] for n, p in field.moving.items()}) for s in (1, -1))
    for name, product in field.jvp(tangent).items():
        torch.testing.assert_close(product, (up[name] - down[name]) / 2e-6, rtol=1e-4, atol=1e-6)
    field.freeze((real[:4].repeat(2, 1), noise[:4].repeat(2, 1)), 1.0, seed=5)
    halves = []
    for part in field._parts():
        with field._only(*part):
            halves.append(Field.gradients(field))
    assert any(not torch.equal(halves[0][name], halves[1][name]) for name in halves[0])
    made = configure("ring", {"rule": rule, "generator": net, "discriminator": net, "batch": 8, "micro_batches": 2}).build()
    made.play_turn((1.0, 1.0, 1.0))


def test_batch_norm_sees_the_parts_and_its_running_statistics_move_once() -> None:
    def net(inputs, outputs):  # type: ignore[no-untyped-def]
        return nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, outputs[0]))

    settings = {"generator": net, "discriminator": net, "scheduler": "simultaneous"}
    for rule in ("simultaneous", "extragradient", "consensus", "lola"):
        whole, split = (played("ring", 1, rule=rule, **settings, micro_batches=m) for m in (1, 4))
        for (name, one), other in zip(whole.game.named_buffers(), split.game.buffers(), strict=True):
            if name.startswith("players.generator") and not name.endswith("running_var"):  # its input is the same noise in both
                torch.testing.assert_close(one, other)
            if name.endswith("num_batches_tracked"):
                assert int(one) == int(other)
        assert apart(whole, split) > 1e-6, "each part is normalised by its own statistics"


def test_a_split_run_goes_on_from_its_state_bit_for_bit() -> None:
    one = played("ring", 6, rule="lola", micro_batches=2)
    two = played("ring", 3, rule="lola", micro_batches=2)
    three = configure("ring", {**SMALL, "rule": "lola", "micro_batches": 2}).build()
    three.load_state_dict(copy.deepcopy(two.state_dict()))
    for _ in range(3):
        three.play_turn((1.0, 1.0, 1.0))
    assert apart(one, three) == 0


class Ragged(Pulls):
    def sample(self, rng: Rng) -> Any:
        return torch.zeros(4, 2), torch.zeros(6)


@pytest.mark.parametrize(
    ("game", "parts", "error", "message"),
    [
        ("ring", 3, BadSetting, "micro_batches is 3, but must be a divisor of 16, the examples of a batch"),
        ("ring", 0, BadSetting, "micro_batches is 0, but must be a whole number of at least 1"),
        (
            "bilinear",
            2,
            GameFault,
            "a batch of Bilinear holds no tensors, so that it cannot be split into 2 micro_batches; play it undivided",
        ),
        (
            Ragged,
            2,
            GameFault,
            "a batch of Ragged holds tensors of leading length 4 and 6, but to be split into 2 micro_batches each must have one row for "
            "each example; return such from its sample, or play it undivided",
        ),
    ],
)
def test_a_batch_that_cannot_be_split_is_refused_before_anything_starts(game: Any, parts: int, error: Any, message: str) -> None:
    with pytest.raises(error) as raised:
        configure(game, {"micro_batches": parts, **({"batch": 16} if game == "ring" else {})}).build()
    assert str(raised.value) == message


# Precision ---------------------------------------------------------------------------------------------------------------------


class Spying(SwissRoll):
    """Notes how its losses are computed."""

    def losses(self, batch, coupling, movers):  # type: ignore[no-untyped-def]
        self.logit = self.players["discriminator"](batch[0]).dtype
        self.products = torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision
        return super().losses(batch, coupling, movers)


@pytest.mark.parametrize("rule", ["simultaneous", "consensus", "lola", "unrolled(steps=2)"])
def test_autocast_is_around_the_losses_alone(rule: str) -> None:
    settings = {"rule": rule, "scheduler": "simultaneous", "batch": 16}
    plain, cast = played(Spying, **settings), played(Spying, **settings, autocast="bfloat16")
    both = played(Spying, **settings, autocast="bfloat16", micro_batches=2)
    assert (plain.game.logit, cast.game.logit, both.game.logit) == (torch.float32, torch.bfloat16, torch.bfloat16)
    assert {p.dtype for p in cast.game.parameters()} == {torch.float32}
    states = [t for o in cast.optimizers.values() for s in o.state.values() for t in s.values() if isinstance(t, Tensor)]
    assert {t.dtype for t in states} == {torch.float32}
    assert {loss.dtype for loss in cast.field.first[0].values()} == {torch.float32}
    assert {g.dtype for g in cast.field.gradients().values()} == {torch.float32}
    assert 0 < apart(plain, cast) < 0.05
    assert 0 < apart(cast, both) < 0.05
    copied = copy.deepcopy(cast.game)
    with torch.no_grad():
        for p in copied.parameters():
            p.zero_()
        losses = copied(cast.batch, 1.0, copied.keys)
    assert float(losses["generator"]) == pytest.approx(0.6931, abs=3e-3), "a copy computes its own losses"


def test_a_game_that_is_played_again_without_autocast_is_as_it_was() -> None:
    game = Spying(batch=16)
    Arena(game, autocast="bfloat16").play_turn((1.0, 1.0, 1.0))
    assert game.logit == torch.bfloat16
    Arena(game).play_turn((1.0, 1.0, 1.0))
    assert game.logit == torch.float32
    assert "losses" not in game.__dict__


def test_autocast_is_refused_where_it_would_do_nothing() -> None:
    with pytest.raises(BadSetting) as raised:
        configure("swiss-roll", {"autocast": "bfloat16", "dtype": "float64"}).build()
    assert str(raised.value) == "autocast is 'bfloat16', but must be none where dtype is float64, which is never cast"
    with pytest.raises(ArenaError, match="autocast is 'bfloat17': did you mean 'bfloat16'"):
        configure("swiss-roll", {"autocast": "bfloat17"})


@pytest.mark.parametrize(("setting", "precision"), [({"tf32": True}, "tf32"), ({"tf32": False}, "ieee"), ({}, "ieee")])
def test_tf32_is_as_asked_during_a_run_and_as_before_after_it(setting: Any, precision: str, tmp_path: Any) -> None:
    import arena

    before = torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision
    result = arena.play(Spying(batch=8), out=tmp_path / "run", display=False, turns=2, **{**QUIET, "score.every": 0}, **setting)
    assert result.arena is not None
    assert result.arena.game.products == (precision, precision)
    assert (torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision) == before
    with pytest.raises(ZeroDivisionError), multiplications(tf32=True):
        raise ZeroDivisionError
    assert (torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision) == before


# Channels last -----------------------------------------------------------------------------------------------------------------


class ConvolutionalGenerator(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Linear(3, 4 * 2 * 2), nn.Unflatten(1, (4, 2, 2)), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh(), nn.Conv2d(3, 2, 3, 1, 1)
        )


class ConvolutionalDiscriminator(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(2, 4, 3, 2, 1), nn.Tanh(), nn.Conv2d(4, 3, 1), nn.Softplus(), nn.Flatten(), nn.Linear(12, 1))


class ConvolutionalGAN(GAN):
    """A GAN on smooth random images of 2 × 4 × 4."""

    def __init__(self, batch: int = 8):
        super().__init__((2, 4, 4), ConvolutionalGenerator(), ConvolutionalDiscriminator(), 3, batch, "non-saturating")

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 2, 4, 4, generator=rng).cumsum(-1)

    def score(self) -> Tensor:
        return self.generate(4).square().mean()


SAME_LAYOUT = ["simultaneous", "extragradient", "consensus", "lola", "cgd(incomplete=accept)", "unrolled(steps=2)", "ema"]


@pytest.mark.parametrize(("rule", "optimizer"), one_of_each(SAME_LAYOUT, ["adam", "sgd", "rmsprop"], pytest.mark.thorough))
def test_channels_last_gives_the_same_numbers(rule: str, optimizer: str) -> None:
    settings = {"rule": rule, "dtype": "float64", "generator.optimizer": optimizer, "discriminator.optimizer": optimizer}
    settings |= dict.fromkeys(("generator.lr", "discriminator.lr"), 0.01)
    plain, last = played(ConvolutionalGAN, 4, **settings), played(ConvolutionalGAN, 4, **settings, channels_last=True)
    both = played(ConvolutionalGAN, 4, **settings, channels_last=True, micro_batches=2)
    assert apart(plain, last) < 1e-9
    assert apart(plain, both) < 1e-9
    for made in (last, both):
        images = [made.batch[0], *(p for p in made.game.parameters() if p.dim() == 4)]
        assert all(t.is_contiguous(memory_format=torch.channels_last) for t in images)
        assert any(not t.is_contiguous() for t in images[1:])
        for p in made.game.parameters():
            assert p.grad is not None
            assert p.grad.stride() == p.stride(), "fused kernels walk both in one order"
    assert plain.batch[0].is_contiguous()
    assert plain.measure_score() == pytest.approx(last.measure_score(), rel=1e-9)


def test_gradients_in_another_order_than_the_parameters_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: memory that is walked in the parameters' order though it lies in another."""
    settings = {"dtype": "float64", "generator.lr": 0.01, "discriminator.lr": 0.01}
    plain = played(ConvolutionalGAN, 2, **settings)
    monkeypatch.setattr(torch, "empty_like", lambda p: torch.empty(p.shape, dtype=p.dtype))
    given = ShardedField._mean
    scrambled = lambda t: torch.as_strided(t.contiguous(), t.shape, t.stride()) if t.dim() == 4 else t  # noqa: E731

    def faulty(self, *arguments, **named):  # type: ignore[no-untyped-def]
        return torch.utils._pytree.tree_map(lambda t: scrambled(t.contiguous(memory_format=torch.channels_last)) if t.dim() == 4 else t,
                                            given(self, *arguments, **named))  # fmt: skip

    monkeypatch.setattr(ShardedField, "_mean", faulty)
    assert apart(plain, played(ConvolutionalGAN, 2, **settings, channels_last=True, micro_batches=2)) > 1e-4


# Elsewhere ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), [("micro_batches", 2), ("autocast", "bfloat16"), ("tf32", True), ("channels_last", True)])
def test_a_population_does_not_ignore_them_in_silence(name: str, value: Any) -> None:
    with pytest.raises(CannotShare) as raised:
        Population([configure("swiss-roll", {name: value, "seed": seed}) for seed in (0, 1)])
    assert str(raised.value) == f"{name} is {value}, which populations do not support; such games are played one by one"


def test_games_that_cannot_share_a_population_for_it_are_played_one_by_one() -> None:
    from arena import populations

    configs = [configure("ring", {**SMALL, "turns": 3, "seed": seed, "micro_batches": 2}) for seed in (0, 1)]
    sorted_ = populations(configs)
    assert sorted_.why == ["micro_batches is 2, which populations do not support; such games are played one by one"]
    whole = populations([configure("ring", {**SMALL, "turns": 3, "seed": seed}) for seed in (0, 1)]).play()
    for one, other in zip(whole, sorted_.play(), strict=True):
        assert (one.status, one.score) == (other.status, pytest.approx(other.score, rel=1e-9))


def test_all_of_them_are_settings_with_a_place_and_a_default() -> None:
    settings = configure("swiss-roll").settings
    assert [settings[name] for name in ("micro_batches", "autocast", "tf32", "channels_last")] == [1, "none", False, False]
    words = ["--micro_batches", "4", "--autocast", "bfloat16", "--tf32", "true", "--channels_last", "true"]
    acceleration = configure("swiss-roll", {}, words).build().episode.acceleration
    assert (acceleration.micro_batches, acceleration.autocast, acceleration.channels_last) == (4, "bfloat16", True)


def test_recorded_turns_and_split_batches_do_not_go_together() -> None:
    with pytest.raises(BadSetting) as raised:
        configure("ring", {"cuda_graphs": True, "micro_batches": 2}).build()
    assert str(raised.value) == "cuda_graphs is True, but must be false if a batch is split"
