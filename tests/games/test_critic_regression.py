"""Regression against a critic: the data's law, the losses by hand, plain squared error at λ = 0, and what the critic achieves."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from arena import ArenaError, Rng, configure
from arena.errors import BadSetting, SlotMismatch
from arena.games.regression.game import CriticRegression, Regression, Regression2D, RegressionGap
from arena.players import MLP
from benchmarks.published import regression as published

KINDS = (Regression, RegressionGap, Regression2D)
NAMES = ("regression", "regression-gap", "regression-2d")


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def float64() -> Any:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("kind", KINDS)
def test_data_without_noise_lie_on_their_branches(kind: type[CriticRegression]) -> None:
    game = kind()
    x = 2 * torch.rand(500, 1, generator=stream()) - 1
    assert float(game.distance(x, game.branch(x, stream(1))).max()) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_the_distance_is_that_to_the_nearest_of_many_noiseless_examples(kind: type[CriticRegression]) -> None:
    """Held against brute force: at each x, the nearest of 4,000 draws of the branches."""
    game = kind()
    x = 1.8 * torch.rand(40, 1, generator=stream()) - 0.9
    y = 1.5 * torch.randn(40, game.dim, generator=stream(1))
    many = game.branch(x.repeat_interleave(4000, 0), stream(2)).reshape(40, 4000, game.dim)
    brute = (many - y.unsqueeze(1)).norm(dim=2).amin(1)
    certain = (x.abs() < 0.45)[:, 0] if kind is RegressionGap else torch.ones(40, dtype=torch.bool)  # else a branch is too rare to be drawn
    torch.testing.assert_close(game.distance(x, y)[certain], brute[certain], rtol=1e-3, atol=2e-3)


def test_the_gap_has_one_branch_where_the_other_has_no_probability() -> None:
    game = RegressionGap()
    x, y = torch.tensor([[-0.6], [0.0], [0.6]]), torch.ones(3, 1)
    assert game.distance(x, y).tolist() == [2, 0, 0]


@pytest.mark.parametrize(("kind", "most"), [(Regression, 0.0027), (RegressionGap, 0.0027), (Regression2D, math.exp(-4.5))])
def test_real_data_are_hardly_ever_in_the_empty_region(kind: type[CriticRegression], most: float) -> None:
    """At most P(|N(0, 1)| > 3), in the plane P(‖N(0, I)‖ > 3) = exp(−9/2); and not much less than the first."""
    game = kind()
    x, y = game.pairs(200_000, stream())
    share = float(game.empty(x, y))
    assert 0.0018 < share < most * 1.15


@pytest.mark.parametrize("kind", KINDS)
def test_the_metrics_are_those_of_held_out_predictions(kind: type[CriticRegression]) -> None:
    """A regressor that answers 0 is in the middle: its error is E‖y‖²; the ceiling is what real data do."""
    game = kind().double()
    for p in game.players["regressor"].parameters():
        p.data.zero_()
    x, y, _ = game.held_out(game.scored)
    with torch.no_grad():
        metrics = {name: float(value) for name, value in game.metrics().items()}
    assert metrics["error"] == pytest.approx(float((y**2).sum(1).mean()), rel=1e-12)
    assert metrics["empty"] == pytest.approx(float((game.distance(x, 0 * y) > 0.3).double().mean()), abs=0)
    assert metrics["empty"] > 0.9
    assert 0.0015 < game.metric_ceilings()["empty"] < 0.005
    assert 0.075 < game.ceiling() < 0.085  # 0.8σ


@pytest.mark.parametrize("kind", KINDS)
def test_the_conditional_mean_is_in_the_empty_region(kind: type[CriticRegression]) -> None:
    """E[y | x] of 4,000 draws; for the gap, in the stretch in which both branches are likely."""
    game = kind()
    x = torch.linspace(-0.3, 0.3, 21).unsqueeze(1)
    mean = game.branch(x.repeat_interleave(4000, 0), stream()).reshape(21, 4000, -1).mean(1)
    assert float(game.empty(x, mean)) == 1.0


@pytest.mark.parametrize("coupling", [0.0, 0.3, torch.tensor(0.3)])
def test_the_losses_are_their_equations(coupling: Any) -> None:
    game = Regression2D(latent=2, batch=16)
    x, y, z = game.sample(Rng().seed_both(0, 1))
    answer = game.players["regressor"](torch.cat([x, z], 1))
    fake, real = (game.players["critic"](torch.cat([x, there], 1)) for there in (answer, y))
    losses = game((x, y, z), coupling, game.keys)
    error = ((answer - y) ** 2).sum() / 16
    torch.testing.assert_close(losses["regressor"], error + coupling * softplus(-fake).mean(), rtol=1e-12, atol=0)
    seen = softplus(fake).mean() if coupling else 0.0
    torch.testing.assert_close(losses["critic"], softplus(-real).mean() + seen, rtol=1e-12, atol=0)


def adam(parameters: list[Tensor], gradients: list[Tensor], memory: dict[str, Any], lr: float) -> None:
    """One step of Adam with β = (.5, .9), written by hand."""
    memory["t"] = t = memory.get("t", 0) + 1
    for i, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
        first, second = memory.get(i, (torch.zeros_like(p), torch.zeros_like(p)))
        memory[i] = first, second = 0.5 * first + 0.5 * g, 0.9 * second + 0.1 * g**2
        p.data -= lr * (first / (1 - 0.5**t)) / ((second / (1 - 0.9**t)).sqrt() + 1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_without_coupling_it_is_squared_error_alone(name: str) -> None:
    """Twenty turns beside a critic that learns too, against a loop that knows no critic: the same regressor."""
    settings = {"coupling": 0.0, "turns": 20, "dtype": "float64", "batch": 16, "regressor.hidden": (8,), "critic.hidden": (8,)}
    made = configure(name, settings).build()
    made.reset(seed=0)
    assert isinstance(made.game, CriticRegression)
    alone = MLP((1,), (made.game.dim,), hidden=(8,))
    alone.load_state_dict(made.game.players["regressor"].state_dict())
    critic = [p.clone() for p in made.game.players["critic"].parameters()]
    memory: dict[str, Any] = {}
    for turn in range(20):
        made.play_scheduled_turn()
        x, y, _ = made.batch
        own = list(alone.parameters())
        adam(own, list(torch.autograd.grad(((alone(x) - y) ** 2).sum(1).mean(), own)), memory, 1e-3 * (1 - turn / 20))
    for ours, by_hand in zip(made.game.players["regressor"].parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours, by_hand, rtol=1e-12, atol=1e-14)
    assert not all(torch.equal(a, b) for a, b in zip(made.game.players["critic"].parameters(), critic, strict=True))


def test_with_coupling_it_is_not() -> None:
    """That the test above can fail."""
    found = []
    for coupling in (0.0, 0.05):
        made = configure("regression", {"coupling": coupling, "turns": 3, "batch": 16, "dtype": "float64"}).build()
        made.reset(seed=0)
        for _ in range(3):
            made.play_scheduled_turn()
        found.append(torch.cat([p.flatten() for p in made.game.players["regressor"].parameters()]))
    assert not torch.equal(*found)


@pytest.mark.thorough
def test_the_critic_empties_the_empty_region() -> None:
    """A short run of small nets as one population of λ = 0 and the recipe's λ, three seeds each."""
    settings = {
        "turns": 1200,
        "regressor.hidden": (32, 32),
        "critic.hidden": (32, 32),
        "regressor.lr": 2e-3,
        "critic.lr": 2e-3,
        "dtype": "float64",
    }
    base = configure("regression", settings)
    population = published.play([published.couple(base, coupling, seed) for coupling in (0.0, 0.2) for seed in range(3)])
    shares = []
    for member in range(6):
        with population.members.alone(population.game, member):
            shares.append(published.measure(population.game).empty)  # type: ignore[arg-type]
    assert min(shares[:3]) > 0.9
    assert sum(shares[3:]) < sum(shares[:3]) / 5


def test_noise_lets_a_regressor_answer_differently_at_one_x() -> None:
    game = Regression(latent=1)
    x = torch.zeros(8, 1)
    assert len(set(game.predict(x, torch.randn(8, 1, generator=stream())).flatten().tolist())) == 8
    plain = Regression()
    assert len(set(plain.predict(x, torch.zeros(8, 0)).flatten().tolist())) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("latent", [0, 1])
def test_pictures_are_drawn(kind: type[CriticRegression], latent: int) -> None:
    from arena.plots import to_array

    assert to_array(kind(latent=latent).picture()).std() > 10


def test_the_published_command_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_default_dtype(torch.float32)
    published.main(["regression-gap", "--quick"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:] == [
        *("0", "0.05", "0.1", "0.2", "0.3", "**1**, the recipe's", "from 0 to 0.3", "real data")
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": 0.0}, "noise is 0.0, but must be a finite number above 0"),
        ({"latent": -1}, "latent is -1, but must be a whole number of at least 0"),
        ({"batch": 0}, "batch is 0, but must be a whole number of at least 1"),
    ],
)
def test_a_number_out_of_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        Regression(**settings)


def test_a_player_that_does_not_fit_is_refused() -> None:
    with pytest.raises(SlotMismatch, match=r"critic: the role takes \(N, 3\) and must give \(N, 1\)"):
        Regression2D(critic=torch.nn.Linear(2, 1))
    with pytest.raises(ArenaError, match="coupling"):
        configure("regression", {"coupling": 1.5}).build()
