"""Metrics against closed forms, hand-made sets and independent implementations; in runs and in populations."""

import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

import arena
import arena.games.gan.metrics
from arena.config import configure
from arena.core.measures import Evaluation
from arena.engine.vector_env import Population
from arena.errors import BadSetting, GameFault, UnknownName
from arena.games import Checkerboard, Grid, Ring, SwissRoll, TwoModes
from arena.games.data import planar
from arena.games.data.judge import Classifier, Judge
from arena.games.gan.metrics import Modes, Samples, metrics
from arena.games.gan.metrics.covered import covered
from arena.games.gan.metrics.density_coverage import NEIGHBOURS
from arena.games.gan.metrics.energy_distance import energy_distance
from arena.games.gan.metrics.judge_frechet_distance import frechet_distance
from arena.games.gan.metrics.mode_variation import total_variation
from arena.games.gan.metrics.reverse_kl import reverse_kl
from arena.games.gan.scores import against_real, real_ceiling
from arena.runs.display import report
from arena.trace import read_trace
from tests.conftest import QUIET

RING = Modes(planar.ring_centres(), 0.1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def value(name: str, fake: Tensor, real: Tensor | None = None, **known: object) -> float:
    return float(metrics()[name].value(Samples(fake, fake if real is None else real, **known)))  # type: ignore[arg-type]


def at_modes(counts: list[int], astray: int = 0) -> Tensor:
    """Points at each of the ring's centres, and `astray` points at the origin, which is in no mode."""
    return torch.cat([RING.centres.repeat_interleave(torch.tensor(counts), dim=0), torch.zeros(astray, 2)])


# Modes --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("region", "expected"), [("ball", 1 - math.exp(-4.5)), ("box", math.erf(3 / math.sqrt(2)) ** 2)])
def test_real_data_reach_the_published_shares(region: str, expected: float) -> None:
    """98.9 % within 3σ in a ball, 99.5 % in a box; two standard deviations of the share of 100,000 points are 0.07 %."""
    points = planar.ring(100_000, seeded())
    known = {"modes": RING, "evaluation": Evaluation(region=region)}  # type: ignore[arg-type]
    assert value("high-quality", points, **known) == pytest.approx(expected, abs=1e-3)
    assert value("modes-covered", points, **known) == 8
    assert value("mode-variation", points, **known) == pytest.approx(1 - expected, abs=5e-3)
    assert value("reverse-kl", points, **known) < 1e-3


def test_histograms_made_by_hand() -> None:
    """Half of 80 points in one mode, a tenth in each of four others, the rest in none."""
    points = at_modes([40, 8, 8, 8, 8, 0, 0, 0], astray=8)
    assert value("modes-covered", points, modes=RING) == 5
    assert value("high-quality", points, modes=RING) == pytest.approx(0.9)
    # |.5 − .125| + 4 |.1 − .125| + 3 × .125 and the bucket's .1, halved
    assert value("mode-variation", points, modes=RING) == pytest.approx((0.375 + 0.1 + 0.375 + 0.1) / 2)


def test_total_variation_and_reverse_kl_at_their_ends() -> None:
    even, single = torch.full((8,), 1 / 8), torch.eye(8)[0]
    assert float(total_variation(even, even)) == 0
    assert float(total_variation(single, even)) == pytest.approx(7 / 8)
    assert float(total_variation(torch.zeros(8), even)) == 1  # all in the bucket
    assert float(reverse_kl(even)) == pytest.approx(0, abs=1e-6)
    assert float(reverse_kl(single)) == pytest.approx(math.log(8))
    assert float(reverse_kl(torch.tensor([0.5, 0.25, 0.25, 0.0]))) == pytest.approx(0.5 * math.log(2))


def test_samples_astray_count_against_the_variation_and_not_in_reverse_kl() -> None:
    """Reverse KL uses nearest modes only; the bucket of the variation counts samples in no mode."""
    near = 0.5 * RING.centres.repeat(10, 1)
    assert value("reverse-kl", near, modes=RING) == pytest.approx(0, abs=1e-6)
    assert value("mode-variation", near, modes=RING) == 1
    assert value("high-quality", near, modes=RING) == 0


def test_the_rule_decides_what_is_covered() -> None:
    points = at_modes([199, 1, 0, 0, 0, 0, 0, 0])
    assert value("modes-covered", points, modes=RING) == 1  # 1 of 200 is less than 1 %
    assert value("modes-covered", points, modes=RING, evaluation=Evaluation(covered=0.0)) == 2
    assert value("modes-covered", points, modes=RING, evaluation=Evaluation(covered=0.005)) == 2
    hits = torch.eye(3)[[0, 0, 1]]
    assert [float(covered(hits, share)) for share in (0.0, 1 / 3, 0.5, 0.9)] == [2, 2, 1, 0]


def test_a_corner_is_in_the_box_and_not_in_the_ball() -> None:
    corner = RING.centres + 0.25  # 2.5σ along each axis, 3.5σ away
    assert value("high-quality", corner, modes=RING) == 0
    assert value("high-quality", corner, modes=RING, evaluation=Evaluation(region="box")) == 1
    assert value("high-quality", corner, modes=RING, evaluation=Evaluation(radius=3.6)) == 1


def test_eight_modes_of_linspace_are_seven() -> None:
    """A published fault: the first and last of eight angles from linspace(0, 2π, 8) coincide, and samples of that mode cover both."""
    angle = torch.linspace(0, 2 * torch.pi, 8)
    centres = 2 * torch.stack([angle.cos(), angle.sin()], dim=1)
    points = centres[torch.randint(8, (10_000,), generator=seeded())] + 0.1 * torch.randn(10_000, 2, generator=seeded(1))
    with pytest.raises(GameFault, match=r"^modes 0 and 7 of 8 coincide\. Fix: remove one"):
        Modes(centres, 0.1)
    assert value("modes-covered", points, modes=Modes(centres[:7], 0.1)) == 7
    assert value("mode-variation", points, modes=Modes(centres[:7], 0.1)) == pytest.approx(2 / 8 - 1 / 7, abs=0.02)  # one is drawn twice
    assert value("modes-covered", points, modes=RING) < 7
    assert value("modes-covered", planar.ring(10_000, seeded()), modes=RING) == 8


@pytest.mark.parametrize(("game", "modes"), [(Ring, 8), (TwoModes, 2), (Grid, 25)])
def test_the_centres_of_a_game_are_those_of_its_data(game: type[Ring], modes: int) -> None:
    exact = game(noise=0.0).real(5000, seeded())
    centres = game().modes().centres  # type: ignore[union-attr]
    distances = torch.cdist(exact, centres)
    assert centres.shape == (modes, 2)
    assert float(distances.amin(dim=1).max()) < 1e-5
    assert float(distances.amin(dim=0).max()) < 1e-5
    assert game().metric_ceilings()["modes-covered"] == modes


# Distances ----------------------------------------------------------------------------------------------------------------------


def test_energy_distance_of_two_points_and_of_copies() -> None:
    """√(2d) for point masses at distance d; 0 for identical samples."""
    a = torch.zeros(4, 2)
    assert value("energy-distance", a, a + torch.tensor([3.0, 4.0])) == pytest.approx(math.sqrt(10))
    points = planar.ring(500, seeded())
    assert value("energy-distance", points, points) == pytest.approx(0, abs=1e-3)


def test_energy_distance_of_shifted_gaussians() -> None:
    """In one dimension, E|X − Y| is the mean of a folded normal, and scipy gives the same value."""
    from scipy.stats import energy_distance as of_scipy

    shift = 1.5
    x, y = torch.randn(1024, 1, generator=seeded()).double(), torch.randn(1024, 1, generator=seeded(1)).double() + shift
    found = value("energy-distance", x, y)
    assert found == pytest.approx(of_scipy(x[:, 0].numpy(), y[:, 0].numpy()), rel=1e-9)
    folded = 2 / math.sqrt(torch.pi) * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)
    assert found == pytest.approx(math.sqrt(2 * folded - 4 / math.sqrt(torch.pi)), rel=0.1)
    assert float(energy_distance(torch.zeros(2, 2), torch.zeros(2, 2), torch.ones(2, 2))) == pytest.approx(math.sqrt(2))


def test_frechet_distance_in_closed_form() -> None:
    """(μ − ν)² + (σ − τ)² along each axis; a matrix square root for covariances that do not commute."""
    from scipy.linalg import sqrtm

    sigma, tau = torch.tensor([1.0, 2.0, 0.0]).double(), torch.tensor([3.0, 0.5, 1.0]).double()
    mean, other = torch.tensor([0.0, 1.0, 2.0]).double(), torch.tensor([1.0, 1.0, 0.0]).double()
    found = frechet_distance(mean, sigma.square().diag(), other, tau.square().diag())
    assert float(found) == pytest.approx(float((mean - other).square().sum() + (sigma - tau).square().sum()), rel=1e-9)
    a, b = (x @ x.T for x in torch.randn(2, 5, 5, generator=seeded()).double())
    expected = (a + b).trace().item() - 2 * np.trace(sqrtm(a.numpy() @ b.numpy()).real)
    assert float(frechet_distance(torch.zeros(5).double(), a, torch.zeros(5).double(), b)) == pytest.approx(expected, rel=1e-6)
    assert float(frechet_distance(mean[:2], a[:2, :2], mean[:2], a[:2, :2])) == pytest.approx(0, abs=1e-9)


# Neighbours ---------------------------------------------------------------------------------------------------------------------


def line(*places: float) -> Tensor:
    return torch.tensor(places, dtype=torch.float32).unsqueeze(1)


def test_precision_and_recall_drawn_by_hand() -> None:
    """The third neighbours of 0, 1, 2, 3 are 3, 2, 2, 3 away: only the fake 3.5 is within reach, and the fakes reach all data."""
    real, fake = line(0, 1, 2, 3), line(3.5, 10, 11, 12)
    assert value("precision", fake, real) == 1 / 4
    assert value("recall", fake, real) == 1
    assert value("precision", real, fake) == 1
    assert value("recall", real, fake) == 1 / 4


def test_a_lost_mode_shows_in_recall_and_garbage_in_precision() -> None:
    two = torch.cat([torch.randn(200, 2, generator=seeded()), torch.randn(200, 2, generator=seeded(1)) + 50])
    one = torch.cat([torch.randn(200, 2, generator=seeded(2)), torch.randn(200, 2, generator=seeded(3))])
    assert value("precision", one, two) > 0.9
    assert value("recall", one, two) == pytest.approx(0.5, abs=0.05)
    assert value("precision", two, one) == pytest.approx(0.5, abs=0.05)
    assert value("coverage", one, two) == pytest.approx(0.5, abs=0.05)


def test_an_outlier_lets_through_precision_and_not_density() -> None:
    """The motivation of density: the ball of one real outlier contains all fakes, which are near nothing else."""
    real = torch.cat([torch.randn(199, 2, generator=seeded()), torch.tensor([[100.0, 0.0]])])
    fake = torch.tensor([50.0, 0.0]) + torch.randn(200, 2, generator=seeded(1))
    assert value("precision", fake, real) == 1
    assert value("density", fake, real) == pytest.approx(1 / NEIGHBOURS)
    assert value("coverage", fake, real) == pytest.approx(1 / 200)


def test_neighbours_are_scikit_learns() -> None:
    from sklearn.neighbors import NearestNeighbors

    fake, real = torch.randn(300, 3, generator=seeded()), 1.3 * torch.randn(300, 3, generator=seeded(1))
    reach = {k: NearestNeighbors(n_neighbors=k + 1).fit(real.numpy()).kneighbors(real.numpy())[0][:, -1] for k in (3, 5)}
    between = torch.cdist(fake.double(), real.double()).numpy()
    assert value("precision", fake, real) == pytest.approx((between <= reach[3]).any(1).mean(), abs=1e-6)
    assert value("density", fake, real) == pytest.approx((between <= reach[5]).sum(1).mean() / 5, abs=1e-6)
    assert value("coverage", fake, real) == pytest.approx((between <= reach[5]).any(0).mean(), abs=1e-6)


def test_expected_values_for_real_data() -> None:
    """Density 1, coverage 1 − (N−1)⋯(N−k)/((2N−1)⋯(2N−k)) for any distribution: lemma 2 of the paper."""
    n, found = 500, []
    for seed in range(6):
        a, b = (torch.randn(n, 4, generator=seeded(2 * seed + i)) for i in (0, 1))
        found.append([value("density", a, b), value("coverage", a, b)])
    density, coverage = np.mean(found, axis=0)
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, NEIGHBOURS + 1))
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(expected, abs=0.01)


# Classes ------------------------------------------------------------------------------------------------------------------------


class Oracle(Classifier):
    """Reads the class from the pixels."""

    def features(self, x_NCHW: Tensor) -> Tensor:
        return x_NCHW.flatten(1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.last(self.features(x_NCHW))


def oracle() -> Judge:
    classifier = Oracle((1, 2, 2), 4)
    classifier.last = torch.nn.Linear(4, 4)
    with torch.no_grad():
        classifier.last.weight.copy_(torch.eye(4))
        classifier.last.bias.zero_()
    return Judge("squares", classifier, 0.75, torch.full((4,), 0.25))


def test_classes_as_a_judge_sees_them() -> None:
    images = torch.eye(4)[[0, 0, 1, 1]].reshape(4, 1, 2, 2)
    judge = oracle()
    assert value("classes-covered", images, judge=judge) == 2
    assert value("class-variation", images, judge=judge) == 0.5
    assert value("class-variation", torch.eye(4).reshape(4, 1, 2, 2), judge=judge) == 0
    assert value("judge-accuracy", images, judge=judge) == 0.75


def test_the_judges_frechet_distance_is_that_of_its_features() -> None:
    """For features that differ by a shift only, it is the squared shift."""
    fake = torch.randn(50, 1, 2, 2, generator=seeded())
    assert value("judge-frechet-distance", fake + 0.5, fake, judge=oracle()) == pytest.approx(4 * 0.25, rel=1e-5)


# The score ----------------------------------------------------------------------------------------------------------------------


def test_without_a_metric_the_score_is_what_it_was() -> None:
    torch.manual_seed(0)
    game = Ring()
    with torch.no_grad():
        assert torch.equal(game.score(), against_real(lambda repeat: game.generate(2048, repeat), game.held_out, 2048, 4))
        assert torch.equal(game.score(), game.evaluated(Evaluation(metric="sliced-wasserstein")).score())
    assert game.ceiling() == real_ceiling(game.held_out, 2048)


def test_a_metric_is_a_score_by_its_distance_from_the_best_value() -> None:
    class Perfect(Ring):
        def generate(self, n: int, repeat: int = 0) -> Tensor:
            return self.real(n, seeded(777 + repeat))

    torch.manual_seed(0)
    worst, perfect = Ring(), Perfect()
    for name in worst.scores:
        with torch.no_grad():
            bad, good = (float(game.evaluated(Evaluation(metric=name)).score()) for game in (worst, perfect))
        ceiling = perfect.ceiling()
        assert bad > 3 * good, name
        assert good == pytest.approx(ceiling or 0.0, rel=0.5, abs=0.02), name
    assert float(perfect.evaluated(Evaluation(metric="modes-covered")).score()) == 0
    assert perfect.ceiling() is None
    assert "sliced-wasserstein" in perfect.metrics()  # beside another score
    assert "sliced-wasserstein" not in Ring().metrics()


def test_an_unknown_metric_gets_one_sentence() -> None:
    with pytest.raises(UnknownName, match=r"^unknown metric 'modes-cover': did you mean 'modes-covered'\?$"):
        configure("ring", {"metric": "modes-cover"})
    with pytest.raises(UnknownName, match=r"^unknown metric 'modes-covered': there are coverage, density, "):
        configure("checkerboard", {"metric": "modes-covered"})
    with pytest.raises(UnknownName, match=r"^unknown metric 'recall': there are none\.$"):
        configure("bilinear", {"metric": "recall"})
    with pytest.raises(BadSetting, match=r"^metrics.covered is 2.0, but must be a finite number of at least 0 and of at most 1$"):
        configure("ring", {"metrics.covered": 2.0})


def test_a_new_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mean_norm.py").write_text(
        "from arena.games.gan.metrics import Metric\n\nclass MeanNorm(Metric):\n    def value(self, samples):\n"
        "        return samples.fake.norm(dim=1).mean()\n"
    )
    metrics.cache_clear()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(arena.games.gan.metrics, "__path__", [*arena.games.gan.metrics.__path__, str(tmp_path)])
            torch.manual_seed(0)
            with torch.no_grad():
                assert float(Checkerboard().metrics()["mean-norm"]) > 0
            assert configure("checkerboard", {"metric": "mean-norm"}).build().game.scores[3] == "mean-norm"
    finally:
        from arena.games.gan.metrics.base import Metric

        sys.modules.pop("arena.games.gan.metrics.mean_norm", None)
        for kind in [kind for kind in Metric.__subclasses__() if kind.__name__ == "MeanNorm"]:
            kind.__module__ = "gone"  # a class stays a subclass while it is alive
        metrics.cache_clear()
    assert "mean-norm" not in metrics()


# Runs and populations -----------------------------------------------------------------------------------------------------------

SHORT = {"turns": 40, "batch": 16, "trace.every": 10, "score.every": 20, "metrics.every": 20, "picture.every": 0, "checkpoint.every": 20}


def test_a_run_carries_its_metrics_to_the_end(tmp_path: Path) -> None:
    from tests.trace.test_trace import events

    result = arena.play("ring", out=tmp_path / "run", display=False, **SHORT)
    rows = read_trace(tmp_path / "run")
    measured = [row for row in rows if "metrics.recall" in row]
    assert [(row["kind"], row["turn"]) for row in measured] == [("turn", 0), ("turn", 20), ("turn", 40), ("end", 40)]
    assert result.metrics == {name[8:]: v for name, v in measured[-1].items() if name.startswith("metrics.")}
    assert set(result.metrics) == set(Ring().metrics())
    assert result.ceilings["high-quality"] == pytest.approx(0.989, abs=5e-3)
    assert result.ceilings == {name[9:]: v for name, v in measured[0].items() if name.startswith("ceilings.")}
    again = arena.resume(tmp_path / "run", display=False)
    assert (again.metrics, again.ceilings) == (result.metrics, result.ceilings)
    board = events(tmp_path / "run")
    assert [s.step for s in board.Scalars("score/modes-covered")] == [0, 20, 40]
    assert events(tmp_path / "run" / "real-data").Scalars("score/modes-covered")[0].value == 8


def test_measuring_metrics_changes_nothing(tmp_path: Path) -> None:
    """Apart from the metrics themselves, a run has the same rows with and without them."""
    often = arena.play("ring", out=tmp_path / "often", display=False, **{**SHORT, **QUIET, "metrics.every": 10})
    never = arena.play("ring", out=tmp_path / "never", display=False, **{**SHORT, **QUIET, "metrics.every": 0})
    bare = lambda rows: [{k: v for k, v in row.items() if not k.startswith(("metrics.", "ceilings."))} for row in rows]  # noqa: E731
    assert bare(read_trace(often.folder)) == bare(read_trace(never.folder))
    assert often.metrics == never.metrics


def test_the_summary_shows_each_beside_its_ceiling(tmp_path: Path) -> None:
    settings = {**SHORT, **QUIET, "turns": 4, "metric": "modes-covered", "metrics.covered": 0.0}
    result = arena.play("ring", out=tmp_path / "run", display=False, **settings)
    assert result.score == 8 - result.metrics["modes-covered"]
    printed = io.StringIO()
    report(Console(file=printed, width=200), result)
    lines = [line.split() for line in printed.getvalue().splitlines()]
    assert ["metrics", "coverage"] in [line[:2] for line in lines]
    covered = next(line for line in lines if line[:1] == ["modes-covered"])
    assert covered[-3:] == ["real", "data", "8"]
    assert any(line[:1] == ["sliced-wasserstein"] for line in lines)


@pytest.mark.parametrize("vary", [{}, {"noise": (0.1, 0.2, 0.05)}], ids=["seeds", "noises"])
def test_members_have_the_metrics_of_single_runs(vary: dict[str, tuple[float, ...]]) -> None:
    base = configure("ring", {"turns": 5, "batch": 32, "dtype": "float64", "generator.lr": 0.01, **QUIET})
    configs = [base.vary({"seed": i, **{name: values[i] for name, values in vary.items()}}) for i in range(3)]
    population = Population(configs)
    population.reset()
    for _ in range(5):
        population.play_scheduled_turn()
    together, ceilings = population.measure_metrics(), population.metric_ceilings()
    for member, config in enumerate(configs):
        alone = config.build()
        alone.reset(seed=config.run.seed)
        for _ in range(5):
            alone.play_scheduled_turn()
        expected = alone.measure_metrics()
        assert {name: float(values[member]) for name, values in together.items()} == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert ceilings[member] == pytest.approx(alone.metric_ceilings(), rel=1e-9)


def test_members_share_one_way_of_measuring() -> None:
    from arena.core.field.members import CannotShare
    from arena.experiments.populations import structure

    base = configure("ring", {"turns": 5, **QUIET})
    other = base.vary({"metrics.radius": 2.0})
    assert structure(base) != structure(other)
    assert structure(base) == structure(base.vary({"metrics.every": 7}))
    with pytest.raises(CannotShare, match="members of a population share one metric and definitions of metrics, but these have "):
        Population([base, other])


def test_swiss_roll_has_no_modes() -> None:
    assert not {"modes-covered", "classes-covered"} & {*SwissRoll().metrics(), *SwissRoll().metric_ceilings()}
