"""Games on data of one's own, from the command line and from Python."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

import arena
from arena.checks.games import examine
from arena.config import configure
from arena.core.rng import Rng
from arena.errors import ArenaWarning, BadSetting, DataDamaged, UnknownName
from arena.games.adaptation.dann import DANN
from arena.games.data import images, judge
from arena.games.gan.image_sets import Digits, OwnImages
from arena.games.gan.table import Table
from tests.conftest import QUIET, Cli


@pytest.fixture(autouse=True)
def quick_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge of ten steps, because its accuracy does not matter here."""
    monkeypatch.setattr(judge, "STEPS", 10)


FEW = ["--turns", "2", "--score.every", "2", "--metrics.every", "0", "--trace.tensorboard", "false"]


def faces(place: Path, words: str = "abc", size: tuple[int, int] = (9, 8), shift: int = 0) -> Path:
    rng = np.random.default_rng(shift)
    for number in range(12 * len(words)):
        folder = place / words[number % len(words)]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(shift, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return place


def flowers(file: Path, words: str = "ab", shift: float = 0.0, columns: int = 2) -> Path:
    rng = np.random.default_rng(0)
    rows = [[*(rng.normal(size=columns) * 10 + 50 * (n % len(words)) + shift).round(3).tolist(), words[n % len(words)]] for n in range(60)]
    file.write_text("".join(f"{','.join(map(str, row))}\n" for row in rows))
    return file


@pytest.mark.rendered
def test_a_folder_of_images_is_played_and_its_run_resumed(tmp_path: Path, quick_cli: Cli) -> None:
    faces(tmp_path / "faces")
    done = quick_cli("play", "gan", "--data", "faces", "--size", "12", "--fit", "pad", "--batch", "8", "--latent", "4", *FEW)
    assert done.returncode == 0, done.stderr
    assert "30 + 6 images, 12×12×3, 3 classes; resized and padded to 12×12, 6 held out for testing" in done.stderr
    again = quick_cli("resume", "runs/gan-1", "--turns", "3")
    assert again.returncode == 0 and "converted" not in again.stderr, again.stderr
    assert quick_cli("sample", "runs/gan-1", "--count", "2").returncode == 0
    with Image.open(next((tmp_path / "runs" / "gan-1" / "exports").rglob("000000.png"))) as made:
        assert made.size == (12, 12)


def test_image_gans_build_their_players_for_the_images(tmp_path: Path) -> None:
    game = Digits(data=str(faces(tmp_path / "faces", size=(7, 10))), batch=8)
    assert game.shape == (3, 7, 10) == tuple(game.real(5, Rng()).shape[1:]) and game.judged
    assert OwnImages(data="digits", size=12, batch=8).shape == (1, 12, 12)
    sizes = np.random.default_rng(0).integers(256, size=(9, 30, 21), dtype=np.uint8)
    arena_of = configure("gan", {"data": sizes, "batch": 4, "turns": 2}).build()
    arena_of.reset(seed=0)
    arena_of.play_turn((1, 1, 1.0))
    assert not arena_of.game.judged and arena_of.game.judge() is None and arena_of.game.features() is None
    with torch.no_grad():
        assert "judge-accuracy" not in arena_of.game.metrics() and arena_of.game.generate(2).shape == (2, 1, 30, 21)
    with pytest.raises(BadSetting, match=r"batch is 9, but must be at most 7, the images that object-.* has to train on"):
        configure("gan", {"data": sizes, "batch": 9}).build()


def test_a_table_is_standardised_and_sampled_in_its_units(tmp_path: Path, quick_cli: Cli) -> None:
    flowers(tmp_path / "flowers.csv")
    done = quick_cli("play", "table", "--data", "flowers.csv", "--batch", "16", *FEW)
    assert done.returncode == 0 and "50 + 10 rows, 2 columns, 2 classes" in done.stderr, done.stderr
    game = Table(data=str(tmp_path / "flowers.csv"), batch=16)
    x = torch.cat([game.real(500, Rng().seed_both(seed, 1)) for seed in range(4)])
    assert abs(float(x.mean())) < 0.1 and abs(float(x.std()) - 1) < 0.1
    stored = np.array([line.split(",")[:2] for line in (tmp_path / "flowers.csv").read_text().splitlines()], float)
    units = game.in_units(x[:5]).numpy()
    assert all(np.abs(stored - row).max(1).min() < 1e-4 for row in units)
    assert examine(lambda: Table(data=str(tmp_path / "flowers.csv"), batch=16)).fault is None
    assert Table().real(3, Rng()).shape == (3, 4)
    for wrong, message in (("gan", "holds rows of 2 numbers. Expected images. Fix: choose a game, such as table, for rows"),):
        assert message in quick_cli("play", wrong, "--data", "flowers.csv").stderr
    faces(tmp_path / "faces")
    assert "holds images. Expected rows of numbers. Fix: choose a game, such as gan" in quick_cli("play", "table", "--data", "faces").stderr
    assert quick_cli("play", "table", "--data", "irris").stderr.startswith("arena: unknown data 'irris': did you mean 'iris'? Other")


def test_domains_of_folders_with_other_classes(tmp_path: Path, quick_cli: Cli) -> None:
    faces(tmp_path / "photos", "abc")
    faces(tmp_path / "sketches", "bcd", size=(20, 30), shift=99)
    with pytest.warns(ArenaWarning, match=r"lacks the labels a of the source \(part.*that the source lacks \(an open set\), d: the"):
        done = quick_cli("play", "dann", "--source", "photos", "--target", "sketches", "--batch", "8", *FEW)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("game", ["dann", "generate-to-adapt"])
@pytest.mark.parametrize(
    ("source", "target", "allowed"),
    [("abc", "abc", "any partial open same"), ("abc", "ab", "any partial"), ("ab", "abc", "any open"), ("abc", "bcd", "any")],
    ids=["same", "partial", "open", "both"],
)
def test_labels_of_one_domain_alone_are_allowed_or_refused(game: str, source: str, target: str, allowed: str, tmp_path: Path) -> None:
    domains = {name: str(flowers(tmp_path / f"{name}.csv", words, 0.0, 3)) for name, words in (("source", source), ("target", target))}
    for labels in ("any", "partial", "open", "same"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ArenaWarning)
            if labels in allowed.split():
                configure(game, {**domains, "labels": labels, "batch": 4}).build()
            else:
                expected = " or ".join(allowed.split())
                with pytest.raises(BadSetting, match=rf"labels is '{labels}', but must be {expected}, because the (target|source) lacks"):
                    configure(game, {**domains, "labels": labels, "batch": 4}).build()


@pytest.mark.rendered
@pytest.mark.parametrize(("columns", "words"), [(2, "ab"), (3, "abc")])
def test_domains_of_tables(columns: int, words: str, tmp_path: Path) -> None:
    source, target = (flowers(tmp_path / f"{name}.csv", words, shift, columns) for name, shift in (("source", 0.0), ("target", 7.0)))
    domains: Any = {"source": str(source), "target": str(target)}
    settings = {**domains, **QUIET, "turns": 2, "batch": 8, "score.every": 2, "metrics.every": 2}
    result = arena.play("dann", **settings, out=tmp_path / "run", display=False)
    assert result.status == "finished" and result.score is not None and 0 <= result.score <= 1
    game = DANN(**domains)
    x, labels = game.source.draw(500, Rng().seed_both(0, 1))
    assert x.shape == (500, columns) and abs(float(x.mean())) < 0.1 and labels.unique().tolist() == list(range(len(words)))
    assert float(game.target.draw(500, Rng().seed_both(0, 1))[0].mean()) > 0.1  # the target is shifted on the source's scale
    with torch.no_grad():
        game.picture()
        game.pictures(last=True)


def test_an_attack_needs_labels_and_takes_any(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(24, 8, 8), dtype=np.uint8)
    arena_of = configure("attack", {"data": (pixels, np.arange(24) % 4 + 1), "batch": 5, "steps": 1, "scored": 4}).build()
    arena_of.reset(seed=0)
    arena_of.play_turn((1, 1, 1.0))
    assert tuple(arena_of.game.slots["classifier"].outputs) == (4,) and 0 <= float(arena_of.measure_score()) <= 1
    with pytest.raises(BadSetting, match=r"but must be images with labels. Fix: a folder for each class"):
        configure("attack", {"data": pixels}).build()
    with pytest.raises(BadSetting, match="batch is 99, but must be a whole number of at least 1 and of at most 20"):
        configure("attack", {"data": (pixels, np.arange(24) % 4 + 1), "batch": 99}).build()


def test_the_seed_of_a_loader_is_that_of_the_run() -> None:
    loader = DataLoader(TensorDataset(torch.randn(40, 2)), shuffle=True, generator=torch.Generator().manual_seed(7))
    assert configure("table", {"data": loader, "batch": 4}).run.seed == 7
    assert configure("table", {"data": loader, "batch": 4, "seed": 3}).run.seed == 3


def test_own_images_of_wrong_kinds() -> None:
    with pytest.raises(UnknownName, match="unknown fit 'squeeze'"):
        images.Own("digits", 8, "squeeze")
    with pytest.raises(BadSetting, match="size is -1"):
        Digits(size=-1)
    with pytest.raises(DataDamaged, match="nearly black"):
        configure("gan", {"data": np.ones((9, 8, 8), np.uint8)}).build()
