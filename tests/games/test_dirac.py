"""The Dirac-GAN has the published eigenvalues and converges where Mescheder et al. (arXiv:1801.04406) say."""

import cmath
import functools
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from arena import Arena, Field, check_game
from arena.errors import BadSetting, UnknownName
from arena.games.small.dirac import LOSSES, PENALTIES, Dirac
from arena.optimizers import sgd
from arena.players import Vector
from tests.support.cases import first, one_of_each

BOTH = [(1.0, 1.0, 1.0)]
DISCRIMINATOR_FIRST = [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0)]


def dirac(theta: float = 0.0, psi: float = 0.0, **settings: Any) -> Dirac:
    game = Dirac(**settings).double()
    with torch.no_grad():
        game.players["generator"].value.fill_(theta)
        game.players["discriminator"].value.fill_(psi)
    return game


def jacobian(game: Dirac) -> Tensor:
    """The Jacobian of the field at the players' position, column by column."""
    field = Field(game)
    columns = []
    for name in field.moving:
        tangent = {other: torch.full_like(p, float(other == name)).detach() for other, p in field.moving.items()}
        columns.append(torch.cat([*field.jvp(tangent).values()]))
    return torch.stack(columns, dim=1)


def pair(centre: float, radicand: float) -> tuple[complex, complex]:
    root = cmath.sqrt(radicand)
    return centre - root, centre + root


PUBLISHED: dict[str, tuple[dict[str, Any], float, tuple[complex, complex]]] = {
    "saturating": ({"loss": "saturating"}, 0.0, pair(0, -1 / 4)),
    "non-saturating": ({"loss": "non-saturating"}, 0.0, pair(0, -1 / 4)),
    "Wasserstein": ({"loss": "wasserstein"}, 0.0, pair(0, -1)),
    **{
        f"{penalty}, γ = {gamma}": ({"penalty": penalty, "gamma": gamma}, 0.0, pair(-gamma / 2, gamma**2 / 4 - 1 / 4))
        for penalty in ("r1", "r2")
        for gamma in (0.3, 1.0, 2.0)
    },
    **{
        f"instance noise, σ = {sigma}": ({"instance_noise": sigma}, 0.0, pair(-(sigma**2) / 4, sigma**4 / 16 - 1 / 4))
        for sigma in (0.5, 1.0, 2.0)
    },
    **{f"consensus, γ = {gamma}": ({}, gamma, pair(-gamma / 4, -1 / 4)) for gamma in (0.3, 1.0, 10.0)},
}
"""Settings, weight of the consensus term, and eigenvalues of the negated field at the origin."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_eigenvalues_are_the_published_ones(name: str) -> None:
    settings, consensus, expected = PUBLISHED[name]
    j = jacobian(dirac(**settings))
    flow = -(j + consensus * j.T @ j)
    assert float(flow.trace()) == pytest.approx(sum(expected).real, abs=1e-8)
    assert float(flow.det()) == pytest.approx(math.prod(expected).real, abs=1e-8)
    found = torch.linalg.eigvals(flow)
    published = torch.tensor(expected, dtype=found.dtype)
    error = min(float((found - order).abs().max()) for order in (published, published.flip(0)))
    double = expected[0] == expected[1]  # a double eigenvalue is accurate to half the digits only
    assert error < (1e-6 if double else 1e-8)


def distances(game: Dirac, turns: int, actions: list[tuple[float, float, float]]) -> Tensor:
    """‖(θ, ψ)‖ after each turn of SGD at a learning rate of 0.1."""
    slow = functools.partial(sgd, lr=0.1)
    arena = Arena(game, optimizers=dict.fromkeys(game.roles, slow), dtype=torch.float64)
    found = []
    for turn in range(turns):
        arena.play_turn(actions[turn % len(actions)])
        found.append(game.score().detach())
    return torch.stack(found)


CLIPPED = functools.partial(Vector, bound=1.0)
VERDICTS: dict[str, tuple[dict[str, Any], bool]] = {
    "no regularisation": ({"loss": "saturating"}, False),
    "no regularisation, Wasserstein": ({"loss": "wasserstein"}, False),
    "weight clipping": ({"loss": "wasserstein", "discriminator": CLIPPED}, False),
    "WGAN-GP": ({"loss": "wasserstein", "penalty": "wgan-gp"}, False),
    "R1": ({"penalty": "r1"}, True),
    "R1, saturating": ({"loss": "saturating", "penalty": "r1"}, True),
    "R1, Wasserstein": ({"loss": "wasserstein", "penalty": "r1"}, True),
    "R2": ({"penalty": "r2"}, True),
    "instance noise": ({"instance_noise": 1.0}, True),
    "instance noise, saturating": ({"loss": "saturating", "instance_noise": 1.0}, True),
}
"""Settings, and whether alternating descent converges."""


@pytest.mark.parametrize("name", first(5, VERDICTS))
def test_who_converges(name: str) -> None:
    settings, converges = VERDICTS[name]
    late = distances(dirac(1.0, 1.0, **settings), 1500, DISCRIMINATOR_FIRST)[1000:]
    if converges:
        assert float(late[-1]) < 1e-6
    else:
        assert float(late.min()) > 0.9


def test_the_non_saturating_gan_creeps_in_as_the_averaged_field_says() -> None:
    """d(θ² + ψ²)/dt averages to −(θ² + ψ²)²/8 over a rotation, so the inverse of θ² + ψ² grows by t/8."""
    start, turns = 0.5, 2000
    distance = distances(dirac(start, 0.0), turns, DISCRIMINATOR_FIRST)[-1]
    assert float(distance**-2) == pytest.approx(start**-2 + 0.1 * turns / 2 / 8, rel=0.03)


def test_simultaneous_steps_hold_the_non_saturating_gan_on_a_circle() -> None:
    """Steps of size η increase θ² + ψ² by a factor of 1 + η²/4 per turn, which balances its decay at 2η."""
    late = distances(dirac(0.5, 0.0), 2000, BOTH)[-200:]
    assert float(late.mean()) == pytest.approx(math.sqrt(2 * 0.1), rel=0.02)


def test_the_penalty_of_wgan_gp_settles_where_the_generator_is_wrong() -> None:
    """At ψ = 0 and θ = 2γ, the force θ/2 on the discriminator balances that of its penalty, γ: the game converges away from the data."""
    game = dirac(1.0, 1.0, penalty="wgan-gp")
    assert float(distances(game, 2000, DISCRIMINATOR_FIRST)[1000:].min()) > 0.9
    assert float(game.players["generator"]().detach()) == pytest.approx(2, abs=1e-3)
    assert float(game.players["discriminator"]().detach()) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_expectation_over_the_noise_is_exact(loss: str) -> None:
    """Compared with the trapezoidal rule, which converges exponentially on the line."""
    theta, psi, sigma = 0.7, 1.3, 2.0
    found = dirac(theta, psi, loss=loss, instance_noise=sigma)(None, 0.5, ("generator", "discriminator"))
    noise = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    density = torch.exp(-(noise**2) / 2)
    weights = density / density.sum()
    real, fake = psi * sigma * noise, psi * (theta + sigma * noise)
    f = softplus if loss != "wasserstein" else (lambda t: t)
    generator = f(-fake) if loss == "non-saturating" else -f(fake)
    assert float(found["generator"].detach()) == pytest.approx(float(0.5 * weights @ generator), abs=1e-9)
    assert float(found["discriminator"].detach()) == pytest.approx(float(weights @ (f(-real) + 0.5 * f(fake))), abs=1e-9)


@pytest.mark.parametrize(("loss", "case"), one_of_each(LOSSES, list(itertools.product(PENALTIES, [0.0, 0.5])), pytest.mark.thorough))
def test_every_form_keeps_the_contract_of_a_game(loss: str, case: tuple[str, float]) -> None:
    penalty, noise = case
    report = check_game(functools.partial(Dirac, loss=loss, penalty=penalty, instance_noise=noise))  # type: ignore[arg-type]
    assert ("the field vanishes at the solution" in report.passed) == (penalty != "wgan-gp")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"loss": "wassertein"}, UnknownName, "unknown loss 'wassertein': did you mean 'wasserstein'?"),
        ({"penalty": "wgangp"}, UnknownName, "unknown penalty 'wgangp': did you mean 'wgan-gp'?"),
        ({"gamma": -1.0}, BadSetting, "gamma is -1.0, but must be a finite number of at least 0"),
        ({"instance_noise": -1.0}, BadSetting, "instance_noise is -1.0, but must be a finite number of at least 0"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refused:
        Dirac(**settings)
    assert str(refused.value) == message
