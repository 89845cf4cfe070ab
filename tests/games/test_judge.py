"""The judge: its accuracy, its cache, and damaged or unwritable cache folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from arena.config import configure
from arena.engine.vector_env import Population
from arena.errors import DataDamaged
from arena.games import MNIST, Digits
from arena.games.data import images, judge
from arena.games.gan.metrics import Samples, metrics
from tests.conftest import QUIET

CPU = torch.device("cpu")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A separate cache folder and shorter training, which leave the user's judges alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(judge, "STEPS", 20)
    judge.judge.cache_clear()
    yield tmp_path
    judge.judge.cache_clear()


def test_the_judge_of_digits_is_worth_its_name() -> None:
    """On the last 297 digits, by other writers than the first 1,500, a support vector machine reaches 94 %."""
    trained = judge.judge("digits", CPU)
    data = images.load("digits", CPU)
    right = trained.outputs(judge.pixels(data["x_test"]))[1].argmax(1) == data["y_test"]
    assert trained.accuracy > 0.92
    assert float(right.double().mean()) == pytest.approx(trained.accuracy, abs=0.004)
    assert float(trained.shares.sum()) == pytest.approx(1)


@pytest.mark.slow  # trains it for half a minute, unless a former run has kept it
def test_the_judge_of_mnist_is_right_985_times_in_a_thousand(published: Path) -> None:
    assert judge.judge("mnist", CPU).accuracy >= 0.985
    ceilings = MNIST().metric_ceilings()
    assert ceilings["classes-covered"] == 10
    assert ceilings["class-variation"] < 0.05
    assert ceilings["coverage"] > 0.9


def test_it_is_trained_once_and_kept(own_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.get_rng_state()
    first = judge.judge("digits", CPU)
    assert torch.equal(before, torch.get_rng_state())
    assert capsys.readouterr().err == "training the judge of digits, once: 20 steps\n"
    files = [path.name for path in (own_cache / "arena" / "judges").iterdir()]
    assert len(files) == 1
    assert files[0].startswith("digits-")
    judge.judge.cache_clear()
    monkeypatch.setattr(judge, "train", None)  # training again would fail
    second = judge.judge("digits", CPU)
    assert second.accuracy == first.accuracy
    for name, tensor in first.classifier.state_dict().items():
        assert torch.equal(tensor, second.classifier.state_dict()[name])


def test_its_name_follows_from_what_determines_it(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.load("digits", CPU)
    kept = judge._file("digits", data)
    other = {**data, "y_test": data["y_test"].flip(0)}
    assert judge._file("digits", other) != kept
    monkeypatch.setattr(judge, "RATE", 1e-3)
    assert judge._file("digits", data) != kept


def test_a_damaged_judge_is_named(own_cache: Path) -> None:
    judge.judge("digits", CPU)
    judge.judge.cache_clear()
    file = next((own_cache / "arena" / "judges").iterdir())
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataDamaged, match=f"^{file} is damaged: its content does not match its checksum. Fix: delete it "):
        judge.judge("digits", CPU)


def test_a_cache_that_cannot_be_written_costs_only_time(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_cache / "arena").write_text("in the way")
    assert judge.judge("digits", CPU).accuracy > 0.05


def test_what_a_generator_of_one_digit_gets() -> None:
    """All sevens: one class of ten, a variation of about 0.9, perfect precision and almost no coverage."""
    data = images.load("digits", CPU)
    game = Digits()
    sevens = judge.pixels(data["x_train"][data["y_train"] == 7])
    samples = Samples(sevens, judge.pixels(data["x_test"]), judge=game.judge())
    found = {name: float(metrics()[name].value(samples)) for name in ("classes-covered", "class-variation", "recall", "coverage")}
    assert found["classes-covered"] == 1
    assert found["class-variation"] == pytest.approx(0.9, abs=0.02)
    assert found["recall"] < 0.2
    assert found["coverage"] < 0.25


def test_members_of_an_image_population_are_judged_as_they_would_be_alone(own_cache: Path) -> None:
    """The first measurement of a population trains the judge, inside vmap."""
    base = configure("digits", {"turns": 2, "batch": 8, "dtype": "float64", **QUIET})
    population = Population([base.vary({"seed": seed}) for seed in range(2)])
    population.reset()
    together = population.measure_metrics()
    judge.judge.cache_clear()
    for member in range(2):
        alone = base.vary({"seed": member}).build()
        alone.reset(seed=member)
        expected = alone.measure_metrics()
        assert {name: float(values[member]) for name, values in together.items()} == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 8, 8, 3), (2, 3, 8, 8), (2, 8, 8, 1)])
def test_pixels_of_every_layout(shape: tuple[int, ...]) -> None:
    found = judge.pixels(torch.full(shape, 255, dtype=torch.uint8))
    assert found.shape == (2, 3 if 3 in shape else 1, 8, 8)
    assert torch.equal(found, torch.ones_like(found))
