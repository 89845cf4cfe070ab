"""GAN losses against closed forms."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from arena.games import SwissRoll
from arena.games.gan.losses import (
    GENERATOR_LOSSES,
    LOSS_PAIRS,
    hinge_discriminator,
    label_smoothing,
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
    """At D(x) = ½ everywhere: 2 ln 2 for the discriminator, ±ln 2 for the generator."""
    zero = torch.zeros(5, dtype=torch.float64)
    assert float(logistic_discriminator(zero, zero, 1.0)) == pytest.approx(2 * math.log(2), abs=1e-12)
    assert float(non_saturating(zero, 1.0)) == pytest.approx(math.log(2), abs=1e-12)
    assert float(saturating(zero, 1.0)) == pytest.approx(-math.log(2), abs=1e-12)


def test_their_derivatives_differ_where_the_discriminator_is_sure() -> None:
    """−σ(−t) against −σ(t): almost −1 and almost 0 for a confidently rejected fake (t = −6), equal at t = 0."""
    t = LOGITS.clone().requires_grad_()
    slope = {name: torch.autograd.grad(loss(t, 1.0) * len(t), t)[0] for name, loss in GENERATOR_LOSSES.items()}
    torch.testing.assert_close(slope["non-saturating"], -torch.sigmoid(-LOGITS))
    torch.testing.assert_close(slope["saturating"], -torch.sigmoid(LOGITS))
    assert float(slope["non-saturating"][0]) < -0.99
    assert float(slope["saturating"][0]) > -0.01
    assert slope["non-saturating"][6] == slope["saturating"][6] == -0.5


@pytest.mark.parametrize("coupling", [0.0, 0.25, torch.tensor(0.25)])
def test_coupling_scales_the_dependence_on_the_other_player(coupling: float) -> None:
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
    """An example of weight 2/3 and one of 1/3 equal two copies of the first and one of the second."""
    pair = LOSS_PAIRS[name]
    real, fake = torch.tensor([[0.5, -2.0], [1.5, 3.0]], dtype=torch.float64)
    weights = torch.tensor([2 / 3, 1 / 3], dtype=torch.float64)
    copies = torch.tensor([0, 0, 1])
    weighed, copied = pair.discriminator(real, fake, 0.5, weights), pair.discriminator(real[copies], fake[copies], 0.5)
    torch.testing.assert_close(weighed, copied, rtol=1e-12, atol=1e-12)
    weighed, copied = pair.generator(fake, 0.5, weights, real), pair.generator(fake[copies], 0.5, None, real[copies])
    torch.testing.assert_close(weighed, copied, rtol=1e-12, atol=1e-12)


# Two distributions on three points, for which the discriminator's optimum has a closed form.
P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)


def at_its_optimum(name: str, p: Tensor, q: Tensor, smoothing: float = 0.0) -> tuple[float, Tensor]:
    """The discriminator's loss, minimised over one free logit per point, and the optimal logits."""
    loss, count = LOSS_PAIRS[name].discriminator, len(p)
    i, j = (index.flatten() for index in torch.meshgrid(torch.arange(count), torch.arange(count), indexing="ij"))
    pairs = p[i] * q[j]  # all pairs, so that the relativistic expectation is exact
    logits = torch.linspace(-0.3, 0.3, count, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def value() -> Tensor:
        plain = loss(logits[i], logits[j], 1.0, pairs)
        return plain + label_smoothing(logits[i], smoothing, pairs) if smoothing else plain

    def closure() -> Tensor:
        optimizer.zero_grad()
        current = value()
        current.backward()
        return current

    optimizer.step(closure)  # type: ignore[arg-type]
    return float(value().detach()), logits.detach()


def test_logistic_at_its_optimum() -> None:
    """D = p/(p + q), and 2 ln 2 − 2 JS(p, q)."""
    value, logits = at_its_optimum("non-saturating", P, Q)
    torch.testing.assert_close(logits.sigmoid(), P / (P + Q), rtol=1e-5, atol=1e-5)
    middle = (P + Q) / 2
    divergence = (P * (P / middle).log() + Q * (Q / middle).log()).sum() / 2
    assert value == pytest.approx(2 * math.log(2) - 2 * float(divergence), abs=1e-9)


def test_least_squares_at_its_optimum() -> None:
    """d = p/(p + q), and ½ Σ pq/(p + q)."""
    value, logits = at_its_optimum("least-squares", P, Q)
    torch.testing.assert_close(logits, P / (P + Q), rtol=1e-5, atol=1e-5)
    assert value == pytest.approx(float((P * Q / (P + Q)).sum() / 2), abs=1e-9)


def test_hinge_at_its_optimum() -> None:
    """d = sign(p − q), and 2 Σ min(p, q): other signs give more, and the loss is linear in between."""
    values = {}
    for signs in itertools.product((-1.0, 1.0), repeat=3):
        d = torch.tensor(signs, dtype=torch.float64)
        values[signs] = float((P * torch.relu(1 - d) + Q * torch.relu(1 + d)).sum())
        assert float(hinge_discriminator(d, d, 1.0, P)) == pytest.approx(float((P * 2).sum()), abs=1e-12)  # 2 for any d if p = q
        i, j = (index.flatten() for index in torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij"))
        assert float(hinge_discriminator(d[i], d[j], 1.0, P[i] * Q[j])) == pytest.approx(values[signs], abs=1e-12)
    assert min(values.values()) == values[1.0, 1.0, -1.0] == pytest.approx(2 * float(torch.minimum(P, Q).sum()), abs=1e-12)


def test_relativistic_at_its_optimum() -> None:
    """On two points the difference δ of the logits has σ(δ) = p₁q₂/(p₁q₂ + p₂q₁)."""
    p, q = torch.tensor([0.7, 0.3], dtype=torch.float64), torch.tensor([0.4, 0.6], dtype=torch.float64)
    value, logits = at_its_optimum("relativistic", p, q)
    up, down = float(p[0] * q[1]), float(p[1] * q[0])
    share = up / (up + down)
    assert float((logits[0] - logits[1]).sigmoid()) == pytest.approx(share, abs=1e-6)
    expected = (1 - up - down) * math.log(2) - up * math.log(share) - down * math.log(1 - share)
    assert value == pytest.approx(expected, abs=1e-9)
    assert at_its_optimum("relativistic", P, P)[0] == pytest.approx(math.log(2), abs=1e-9)


def test_wasserstein_at_its_optimum() -> None:
    """Two samples on the line: with the potential d(x) = −x, the loss is minus their distance."""
    real, fake = torch.tensor([0.0, 1.0, 5.0], dtype=torch.float64), torch.tensor([6.0, 2.0, 1.0], dtype=torch.float64)
    distance = float((real.sort().values - fake.sort().values).abs().mean())
    assert float(wasserstein_discriminator(-real, -fake, 1.0)) == pytest.approx(-distance, abs=1e-12)


def test_smoothed_labels_lower_the_optimum() -> None:
    """(1 − s) p/(p + q) for both losses with labels; smoothing the labels of fakes too would give another optimum."""
    _, logits = at_its_optimum("non-saturating", P, Q, smoothing=0.1)
    torch.testing.assert_close(logits.sigmoid(), 0.9 * P / (P + Q), rtol=1e-5, atol=1e-5)
    _, logits = at_its_optimum("least-squares", P, Q, smoothing=0.1)
    torch.testing.assert_close(logits, 0.9 * P / (P + Q), rtol=1e-5, atol=1e-5)
    with_targets = binary_cross_entropy_with_logits(LOGITS, torch.full((13,), 0.9).double())
    torch.testing.assert_close(-logsigmoid(LOGITS).mean() + label_smoothing(LOGITS, 0.1), with_targets, rtol=1e-12, atol=1e-12)


GENERATOR_SLOPES = {
    "non-saturating": lambda d: -torch.sigmoid(-d),
    "saturating": lambda d: -torch.sigmoid(d),
    "wasserstein": lambda d: -torch.ones_like(d),
    "hinge": lambda d: -torch.ones_like(d),
    "least-squares": lambda d: d - 1,
    "relativistic": lambda d: -torch.sigmoid(0.5 - d),  # against a real example of logit ½
}


@pytest.mark.parametrize("name", LOSS_PAIRS)
def test_the_generators_derivative(name: str) -> None:
    """With respect to a fake's logit, derived by hand, scaled by λ."""
    t = LOGITS.clone().requires_grad_()
    loss = LOSS_PAIRS[name].generator(t, 0.5, None, torch.full_like(t, 0.5))
    slope = torch.autograd.grad(loss * len(t), t)[0]
    torch.testing.assert_close(slope, 0.5 * GENERATOR_SLOPES[name](LOGITS))


@pytest.mark.parametrize("name", LOSS_PAIRS)
def test_at_coupling_zero_players_are_independent(name: str) -> None:
    real, fake = LOGITS.clone().requires_grad_(), LOGITS.flip(0).requires_grad_()
    pair = LOSS_PAIRS[name]
    losses = pair.discriminator(real, fake, 0.0), pair.generator(fake, 0.0, None, real)
    for loss in losses:
        gradient = torch.autograd.grad(loss, fake, retain_graph=True, allow_unused=True)[0]
        assert gradient is None or not gradient.any()


def test_the_relativistic_generator_needs_both_logits() -> None:
    with pytest.raises(TypeError, match=r"needs the logits of real examples too\. Fix: pass real="):
        LOSS_PAIRS["relativistic"].generator(LOGITS, 1.0)


def test_the_game_uses_its_loss_setting() -> None:
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
