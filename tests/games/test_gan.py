"""The settings of a GAN: what each adds to the losses, that it is what it says, and what cannot be."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from arena import Field, Population, Rng, check_game, configure, populations
from arena.accelerate.sharded_field import ShardedField
from arena.core.game import Clock
from arena.engine.members.capacity import need
from arena.errors import BadSetting, UnknownName
from arena.games import Digits, Ring
from arena.games.gan.losses import LOSS_PAIRS
from arena.games.gan.penalties import PENALTIES
from arena.players import MLP
from tests.support.cases import first

SMALL = functools.partial(MLP, hidden=(8,), activation="softplus")  # smooth, so that finite differences are exact
BOTH = ("generator", "discriminator")


class FewPoints(Ring):
    """Ring, with a score that costs little."""

    scored = 16
    repeats = 1


def ring(**settings: Any) -> Ring:
    torch.manual_seed(0)
    return Ring(**{"generator": SMALL, "discriminator": SMALL, "batch": 8, **settings}).double()


def batch_of(game: Any) -> tuple[Tensor, ...]:
    return tuple(t.double() for t in game.sample(Rng().seed_both(0, 1)))


def losses_of(game: Any, movers: tuple[str, ...] = BOTH, coupling: float = 1.0) -> dict[str, float]:
    return {role: float(loss.detach()) for role, loss in game(batch_of(game), coupling, movers).items()}


@pytest.mark.parametrize("loss", LOSS_PAIRS)
def test_the_players_minimise_the_pair(loss: str) -> None:
    game = ring(loss=loss)
    real, noise_NZ = batch_of(game)
    discriminator, pair = game.players["discriminator"], LOSS_PAIRS[loss]
    on_real, on_fake = discriminator(real), discriminator(game.players["generator"](noise_NZ))
    expected = {"generator": pair.generator(on_fake, 0.5, real=on_real), "discriminator": pair.discriminator(on_real, on_fake, 0.5)}
    for movers in (BOTH, ("generator",), ("discriminator",)):
        found = losses_of(game, movers, 0.5)
        assert found == {role: pytest.approx(float(expected[role].detach()), rel=1e-12) for role in movers}


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_penalty_is_added_to_the_discriminators_loss(penalty: str) -> None:
    game, without = ring(penalty=penalty, gamma=3.0), ring()
    real, noise_NZ, *drawn = batch_of(game)
    found, plain = losses_of(game, coupling=0.5), losses_of(without, coupling=0.5)
    points = PENALTIES[penalty].points(real, game.players["generator"](noise_NZ), drawn[0] if drawn else None)
    size = 3.0 * float(PENALTIES[penalty].value(game.players["discriminator"], points).detach())
    felt = 0.5 if penalty in ("r2", "0-gp", "wgan-gp") else 1.0
    assert found["generator"] == plain["generator"]
    assert found["discriminator"] == pytest.approx(plain["discriminator"] + felt * size, rel=1e-12)
    assert size > 1e-3


SETTINGS: list[dict[str, Any]] = [
    *({"loss": loss} for loss in LOSS_PAIRS),
    *({"penalty": penalty} for penalty in PENALTIES),
    {"penalty": "r1", "penalty_every": 4, "instance_noise": 0.5, "instance_noise_schedule": "linear"},
    {"loss": "least-squares", "label_smoothing": 0.1, "pack": 2, "penalty": "wgan-gp"},
    {"loss": "relativistic", "pack": 4, "penalty": "dragan", "instance_noise": 0.1},
]


@pytest.mark.parametrize("settings", first(5, SETTINGS), ids=str)
def test_every_form_keeps_the_contract_of_a_game(settings: dict[str, Any]) -> None:
    build = functools.partial(FewPoints, generator=SMALL, discriminator=SMALL, batch=8, **settings)
    assert check_game(build).fault is None


def test_smoothed_labels() -> None:
    game, plain = ring(label_smoothing=0.2), ring()
    real, _ = batch_of(game)
    on_real = float(game.players["discriminator"](real).mean().detach())
    assert losses_of(game)["discriminator"] == pytest.approx(losses_of(plain)["discriminator"] + 0.2 * on_real, rel=1e-12)


def test_instance_noise_is_on_both_kinds_and_follows_its_schedule() -> None:
    game = ring(instance_noise=0.5, instance_noise_schedule="linear(start=1,end=0.2)")
    real, noise_NZ, on_real, on_fake = batch_of(game)
    fake, discriminator = game.players["generator"](noise_NZ), game.players["discriminator"]
    for progress, level in ((0.0, 1.0), (0.5, 0.6)):
        told = game.at_turn(Clock(0, progress, {"generator": 0, "discriminator": 0}, BOTH))
        assert told == {"noise_level": pytest.approx(level)}
        game.noise_level.fill_(told["noise_level"])
        shown = discriminator(real + 0.5 * level * on_real), discriminator(fake + 0.5 * level * on_fake)
        expected = LOSS_PAIRS["non-saturating"].discriminator(*shown, 1.0)
        assert losses_of(game)["discriminator"] == pytest.approx(float(expected.detach()), rel=1e-12)


def test_a_pack_holds_examples_of_one_kind_one_after_the_other() -> None:
    game = ring(pack=2)
    real, noise_NZ = batch_of(game)
    assert game.players["discriminator"].layers[0].in_features == 4
    packed = game.packs(real)
    assert torch.equal(packed[1], torch.cat([real[2], real[3]])) and packed.shape == (4, 4)
    images = Digits(pack=3, batch=9)
    assert images.packs(torch.zeros(9, 1, 8, 8)).shape == (3, 3, 8, 8)
    on_real, on_fake = (game.players["discriminator"](game.packs(x)) for x in (real, game.players["generator"](noise_NZ)))
    expected = LOSS_PAIRS["non-saturating"].discriminator(on_real, on_fake, 1.0)
    assert losses_of(game)["discriminator"] == pytest.approx(float(expected.detach()), rel=1e-12)
    with pytest.raises(BadSetting, match="pack is 2, but must be a divisor of 3, the examples that the discriminator is shown at once"):
        game.packs(real[:3])


def test_a_lazy_penalty_comes_every_kth_move_of_the_discriminator_k_times_as_heavy() -> None:
    game = ring(penalty="r1", penalty_every=3, gamma=2.0)
    weights = []
    for moves in range(6):
        for movers in (("discriminator",), ("generator",)):
            weights.append(game.at_turn(Clock(2 * moves, 0.0, {"generator": moves, "discriminator": moves}, movers))["penalty_now"])
    assert weights == [3.0, 0, 0, 0, 0, 0] * 2
    full, without = losses_of(ring(penalty="r1", gamma=2.0))["discriminator"], losses_of(ring())["discriminator"]
    game.penalty_now.fill_(3.0)
    assert losses_of(game)["discriminator"] == pytest.approx(without + 3 * (full - without), rel=1e-12)
    game.idle = frozenset({"penalty_now"})
    assert losses_of(game)["discriminator"] == without


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"loss": "hindge"}, UnknownName, "unknown loss 'hindge': did you mean 'hinge'?"),
        ({"penalty": "wgangp"}, UnknownName, "unknown penalty 'wgangp': did you mean 'wgan-gp'?"),
        ({"gamma": -1.0}, BadSetting, "gamma is -1.0, but must be a finite number of at least 0"),
        ({"penalty_every": 0}, BadSetting, "penalty_every is 0, but must be a whole number of at least 1"),
        ({"instance_noise": float("nan")}, BadSetting, "instance_noise is nan, but must be a finite number of at least 0"),
        ({"instance_noise_schedule": "liner"}, UnknownName, "unknown schedule 'liner': did you mean 'linear'?"),
        ({"instance_noise_schedule": "linear(stop=0)"}, UnknownName, "unknown argument of linear 'stop': there are end and start."),
        (
            {"instance_noise_schedule": "linear(end=-1)"},
            BadSetting,
            "instance_noise_schedule is 'linear(end=-1)', but must be a schedule that is never below 0, unlike at progress 0.75",
        ),
        ({"label_smoothing": 1.0}, BadSetting, "label_smoothing is 1.0, but must be a finite number of at least 0 and below 1"),
        (
            {"loss": "hinge", "label_smoothing": 0.1},
            BadSetting,
            "label_smoothing is 0.1, but must be 0 where the loss is hinge, which has no labels",
        ),
        ({"pack": 3}, BadSetting, "pack is 3, but must be a divisor of the batch, 8"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refused:
        ring(**settings)
    assert str(refused.value) == message


@pytest.mark.parametrize("penalty", ["wgan-gp", "dragan"])
def test_a_split_batch_is_the_whole_one(penalty: str) -> None:
    """Whatever is drawn has a row for each example, and packs do not reach over the parts."""
    game = ring(penalty=penalty, pack=2, instance_noise=0.3, loss="relativistic")
    whole, split = Field(game), ShardedField(game, micro_batches=2)
    for field in (whole, split):
        field.freeze(batch_of(game), 1.0)
    one, other = whole.gradients(), split.gradients()
    assert all(torch.allclose(one[name], other[name], rtol=1e-10, atol=1e-14) for name in one)


def test_what_may_differ_within_a_population() -> None:
    """Weights and labels may; where some have noise and others none, they are sorted apart."""
    base = configure("ring", {"batch": 4, "turns": 2, "penalty": "r1", "generator.hidden": [4], "discriminator.hidden": [4]})
    changes = [{}, {"gamma": 0.0}, {"label_smoothing": 0.2}, {"instance_noise": 0.1}, {"instance_noise": 0.2}, {"penalty": "r2"}]
    groups = populations([base.vary(change) for change in changes]).groups
    assert sorted(group.indices for group in groups) == [(0, 1, 2), (3, 4), (5,)]


def test_the_memory_of_a_penalised_game_is_counted() -> None:
    """torch.func does not bear the hooks by which that of other games is: it must be neither refused nor taken for nothing."""
    base = configure("ring", {"batch": 64, "turns": 2})
    plain, penalised = (need(Population([base.vary({"penalty": penalty})])).activations for penalty in ("none", "r1"))
    assert plain / 2 < penalised < 4 * plain


def test_the_picture_of_packs() -> None:
    """A place in the plane is judged as a pack of that place alone."""
    with torch.no_grad():
        assert ring(pack=2).float().picture() is not None
