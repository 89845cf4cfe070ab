"""Domains of images: reading, rendering, blending, and the common form of a pair."""

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from arena.errors import DataDamaged, DataUnavailable
from arena.games.data import digits, domains, images, mnist_m, syn_numbers
from arena.games.data.images import load


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data."""
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def mat(file: Path, count: int = 7, first: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Write a small .mat in SVHN's published format: X is (32, 32, 3, N), y is (N, 1) in 1 … 10, and 10 is the digit 0."""
    rng = np.random.default_rng(first)
    x = rng.integers(256, size=(32, 32, 3, count), dtype=np.uint8)
    y = (first + np.arange(count)) % 10
    savemat(file, {"X": x, "y": np.where(y == 0, 10, y).astype(np.uint8)[:, None]})
    return x.transpose(3, 0, 1, 2), y


def test_svhn_is_read_from_the_published_format(tmp_path: Path) -> None:
    wanted = {part: mat(tmp_path / f"{part}_32x32.mat", 12, first) for first, part in enumerate(("train", "test"))}
    found = digits.of_torchvision(tmp_path, verified=False)
    for part, (x, y) in wanted.items():
        np.testing.assert_array_equal(found[f"x_{part}"], x)
        np.testing.assert_array_equal(found[f"y_{part}"], y)
    with pytest.raises(DataDamaged, match=r"train_32x32.mat is not the published SVHN"):
        digits.of_torchvision(tmp_path)


def test_published_syn_numbers_are_read_if_present(empty: Path) -> None:
    x, y = mat(empty / "synth_train_32x32.mat", 12)
    mat(empty / "synth_test_32x32.mat", 5)
    found = syn_numbers.syn_numbers()
    np.testing.assert_array_equal(found["x_train"], x)
    np.testing.assert_array_equal(found["y_train"], y)
    assert len(found["y_test"]) == 5
    savemat(empty / "synth_test_32x32.mat", {"X": x, "y": y})
    with pytest.raises(DataDamaged, match="must have H×W×3×N uint8 and N digits"):
        syn_numbers.syn_numbers()


def test_rendered_numbers_depend_on_the_seed_and_show_digits() -> None:
    (x, y), (again, _), (others, _) = (syn_numbers.rendered(40, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(x, again)
    assert not np.array_equal(x, others)
    assert set(y.tolist()) == set(range(10))
    assert (x.astype(float).std(axis=(1, 2)).max(axis=1) > 8).all()  # every image shows a digit


def test_mnist_m_follows_the_published_rule() -> None:
    rng = np.random.default_rng(0)
    photograph = rng.integers(256, size=(40, 60, 3), dtype=np.uint8)
    pixels = (rng.random((20, 28, 28)) * 255 * (rng.random((20, 28, 28)) > 0.7)).astype(np.uint8)
    found = mnist_m.blended(pixels, [photograph], np.random.default_rng(1))
    inside = np.pad(pixels > 0, ((0, 0), (2, 2), (2, 2)))
    crops = np.lib.stride_tricks.sliding_window_view(photograph, (32, 32), axis=(0, 1)).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    places = set()
    for picture, mask in zip(found, inside, strict=True):
        background = np.where(mask[..., None], 255 - picture, picture)
        where = [i for i, crop in enumerate(crops) if np.array_equal(crop, background)]
        assert len(where) == 1
        places.add(where[0])
    assert len(places) > 10


def test_without_photographs_backgrounds_are_noise_with_a_warning(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {
        k: np.full((3, 28, 28), 9, np.uint8) if k[0] == "x" else np.arange(3, dtype=np.uint8)
        for k in ("x_train", "y_train", "x_test", "y_test")
    }
    monkeypatch.setattr(mnist_m, "mnist", lambda: few)
    smooth = mnist_m.smooth
    monkeypatch.setattr(mnist_m, "smooth", lambda rng, side, channels: smooth(rng, 40, channels))  # smaller backgrounds
    with pytest.warns(UserWarning, match="mnist-m has no photographs, so its backgrounds are smooth coloured noise"):
        assert mnist_m.mnist_m()["x_train"].shape == (3, 32, 32, 3)
    (empty / "bsds500" / "train").mkdir(parents=True)
    from PIL import Image

    Image.fromarray(np.full((40, 40, 3), 10, np.uint8)).save(empty / "bsds500" / "train" / "a.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert int(mnist_m.mnist_m()["x_train"][0, 0, 0, 0]) == 10


def test_missing_data_are_reported_with_their_place(empty: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"put it at .*svhn_10k.npz or .*svhn_10k.npz, or use the domain svhn"):
        digits.svhn_10k()


STORED: dict[str, Any] = {"grey16": (16, 16), "grey28": (28, 28), "colour32": (32, 32, 3), "colour40": (40, 40, 3)}


@pytest.mark.parametrize(("source", "target"), itertools.permutations(STORED, 2))
def test_pairs_are_brought_to_one_form(source: str, target: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in (source, target):
        parts = {f"x_{part}": rng.integers(256, size=(6, *STORED[name]), dtype=np.uint8) for part in ("train", "test")}
        np.savez(tmp_path / f"{name}.npz", y_train=np.arange(6) % 3, y_test=np.arange(6) % 3, **parts)
    pair = domains.pair(*(str(tmp_path / f"{name}.npz") for name in (source, target)))
    assert pair[0].shape == pair[1].shape == ((3, 32, 32) if "colour" in source + target else (1, 28, 28))
    for domain in pair:
        x, y = domain.draw(5, torch.Generator().manual_seed(0))
        assert x.shape == (5, *domain.shape)
        assert -0.5 <= float(x.min()) < -0.3 and 0.3 < float(x.max()) <= 0.5
        assert y.dtype == torch.int64
        assert sum(len(y) for _, y in domain.held_out(at_once=4)) == 6


def test_the_stated_transforms() -> None:
    rng = np.random.default_rng(0)
    grey, colour = rng.integers(256, size=(2, 28, 28), dtype=np.uint8), rng.integers(256, size=(2, 32, 32, 3), dtype=np.uint8)
    padded = domains.bring(grey, "32x32x3")
    assert (padded[:, 0] == padded[:, 1]).all() and (padded[:, 0] == padded[:, 2]).all()
    np.testing.assert_array_equal(padded[:, 0, 2:30, 2:30].numpy(), grey)
    assert int(padded[:, :, :2].max()) == 0
    np.testing.assert_array_equal(domains.bring(colour, "32x32x3").permute(0, 2, 3, 1).numpy(), colour)
    np.testing.assert_array_equal(domains.bring(grey, "28x28x1")[:, 0].numpy(), grey)
    flat = np.broadcast_to(np.array([200, 100, 50], np.uint8), (1, 32, 32, 3))
    assert domains.bring(np.ascontiguousarray(flat), "28x28x1").unique().tolist() == [round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)]


def test_small_digits_keep_their_size_among_themselves() -> None:
    pair = domains.pair("digits", "shaded-digits")
    assert pair[0].shape == pair[1].shape == (1, 8, 8)
    stored = load("digits", torch.device("cpu"))
    (x, y), *_ = pair[0].held_out()
    torch.testing.assert_close(x[:, 0], stored["x_test"].float() / 255 - 0.5)
    assert torch.equal(y, stored["y_test"].long())


@pytest.mark.usefixtures("published")
def test_published_pairs_go_together() -> None:
    for source, target in (("mnist", "usps"), ("svhn-10k", "mnist")):
        first, second = domains.pair(source, target)
        assert first.labels == second.labels == tuple(range(10))
        for domain in (first, second):
            x, _ = domain.draw(64, torch.Generator().manual_seed(0))
            assert float(x.min()) < -0.45 and float(x.max()) > 0.45


def test_any_labels_are_classes(tmp_path: Path) -> None:
    pixels, labels = np.full((6, 8, 8), 255, dtype=np.uint8), np.array([10, 20, 30] * 2)
    np.savez(tmp_path / "mine.npz", x_train=pixels, x_test=pixels, y_train=labels, y_test=labels)
    mine, _ = domains.pair(str(tmp_path / "mine.npz"), str(tmp_path / "mine.npz"))
    drawn = mine.draw(50, torch.Generator().manual_seed(0))[1]
    assert mine.labels == (10, 20, 30) and set(drawn.tolist()) == {0, 1, 2}
    assert next(mine.held_out())[1].tolist() == [0, 1, 2, 0, 1, 2]
    assert load(str(tmp_path / "mine.npz"), torch.device("cpu"))["y_test"].tolist() == [0, 1, 2, 0, 1, 2]


def test_hundreds_of_labels_are_classes_and_unknown_ones_are_left_out_on_demand(tmp_path: Path) -> None:
    pixels = np.full((300, 8, 8), 255, dtype=np.uint8)
    for name, first in (("source", 0), ("target", 100)):
        np.savez(
            tmp_path / f"{name}.npz", x_train=pixels, x_test=pixels, **{f"y_{part}": np.arange(300) + first for part in ("train", "test")}
        )
    source, target = domains.pair(*(str(tmp_path / f"{name}.npz") for name in ("source", "target")))
    assert torch.equal(next(source.held_out())[1], torch.arange(300))
    assert next(target.held_out())[1].tolist() == [*range(100, 300), *[images.UNKNOWN] * 100]
    assert next(target.known.held_out())[1].tolist() == list(range(100, 300))
    assert source.known is source
