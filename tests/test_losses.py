"""The generator-discriminator losses against closed forms, and that saturating and non-saturating are different functions."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from games import SwissRoll
from games.losses import (
    GENERATOR_LOSSES,
    LOSS_PAIRS,
    logistic_discriminator,
    non_saturating,
    saturating,
    wasserstein_discriminator,
    wasserstein_generator,
)

LOGITS = torch.linspace(-6, 6, 13, dtype=torch.float64)


def test_they_are_the_papers_expressions() -> None:
    real, fake = LOGITS, LOGITS.flip(0) / 2
    expected = -(logsigmoid(real)).mean() - torch.log(1 - fake.sigmoid()).mean()
    torch.testing.assert_close(logistic_discriminator(real, fake, 1.0), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(non_saturating(fake, 1.0), -torch.log(fake.sigmoid()).mean(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(saturating(fake, 1.0), torch.log(1 - fake.sigmoid()).mean(), rtol=1e-12, atol=1e-12)
    with_targets = binary_cross_entropy_with_logits(real, torch.ones(13).double()) + binary_cross_entropy_with_logits(
        fake, torch.zeros(13).double()
    )
    torch.testing.assert_close(logistic_discriminator(real, fake, 1.0), with_targets, rtol=1e-12, atol=1e-12)


def test_their_values_at_the_optimum() -> None:
    """Where D(x) = ½ everywhere: 2 ln 2 for the discriminator, ±ln 2 for the generator."""
    zero = torch.zeros(5, dtype=torch.float64)
    assert float(logistic_discriminator(zero, zero, 1.0)) == pytest.approx(2 * math.log(2), abs=1e-12)
    assert float(non_saturating(zero, 1.0)) == pytest.approx(math.log(2), abs=1e-12)
    assert float(saturating(zero, 1.0)) == pytest.approx(-math.log(2), abs=1e-12)


def test_their_derivatives_differ_where_the_discriminator_is_sure() -> None:
    """d/dt: −σ(−t) against −σ(t). On a sure fake (t = −6) one pushes with almost 1, the other with almost 0; at t = 0 they agree."""
    t = LOGITS.clone().requires_grad_()
    slope = {name: torch.autograd.grad(loss(t, 1.0) * len(t), t)[0] for name, loss in GENERATOR_LOSSES.items()}
    torch.testing.assert_close(slope["non-saturating"], -torch.sigmoid(-LOGITS))
    torch.testing.assert_close(slope["saturating"], -torch.sigmoid(LOGITS))
    assert float(slope["non-saturating"][0]) < -0.99
    assert float(slope["saturating"][0]) > -0.01
    assert slope["non-saturating"][6] == slope["saturating"][6] == -0.5


@pytest.mark.parametrize("coupling", [0.0, 0.25, torch.tensor(0.25)])
def test_coupling_scales_what_players_feel_of_each_other(coupling: float) -> None:
    fake = LOGITS
    for loss in GENERATOR_LOSSES.values():
        torch.testing.assert_close(loss(fake, coupling), coupling * loss(fake, 1.0))
    alone = -logsigmoid(fake).mean()
    expected = alone + coupling * torch.nn.functional.softplus(fake).mean()
    torch.testing.assert_close(logistic_discriminator(fake, fake, coupling), expected)


def test_the_wasserstein_pair_is_linear_in_the_critic() -> None:
    real, fake = LOGITS, LOGITS.flip(0) / 2 + 1
    for coupling in (0.0, 0.25, 1.0):
        expected = coupling * fake.mean() - real.mean()
        torch.testing.assert_close(wasserstein_discriminator(real, fake, coupling), expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(wasserstein_generator(fake, coupling), -coupling * fake.mean(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LOSS_PAIRS)
def test_weights_are_those_of_an_expectation(name: str) -> None:
    """An example of weight 2/3 counts as much as two copies of it beside one other."""
    discriminator, generator = LOSS_PAIRS[name]
    real, fake = torch.tensor([[0.5, -2.0], [1.5, 3.0]], dtype=torch.float64)
    weights = torch.tensor([2 / 3, 1 / 3], dtype=torch.float64)
    copies = torch.tensor([0, 0, 1])
    weighed, copied = discriminator(real, fake, 0.5, weights), discriminator(real[copies], fake[copies], 0.5)
    torch.testing.assert_close(weighed, copied, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(generator(fake, 0.5, weights), generator(fake[copies], 0.5), rtol=1e-12, atol=1e-12)


def test_the_game_plays_the_loss_that_it_is_given() -> None:
    from arena import Field, Rng

    torch.manual_seed(0)
    games = {name: SwissRoll(loss=name, batch=64) for name in GENERATOR_LOSSES}
    games["saturating"].load_state_dict(games["non-saturating"].state_dict())
    batch = games["saturating"].sample(Rng().seed_both(0, 1))
    fields = {}
    for name, game in games.items():
        field = Field(game)
        field.freeze(batch, 1.0)
        fields[name] = field.gradients()
    for name in fields["saturating"]:
        same = torch.allclose(fields["saturating"][name], fields["non-saturating"][name], rtol=1e-3)
        assert same == name.startswith("players.discriminator")
