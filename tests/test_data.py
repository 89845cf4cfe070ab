"""Data sets: published ones verified by content, damaged ones named, missing ones explained."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from arena.errors import DataDamaged, DataUnavailable
from games.data import images
from tests.conftest import Cli


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may touch the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images.load.cache_clear()


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    data = images.load("digits", torch.device("cpu"))
    assert {key: (tuple(t.shape), t.dtype) for key, t in data.items()} == {
        "x_train": ((1500, 8, 8), torch.uint8),
        "y_train": ((1500,), torch.uint8),
        "x_test": ((297, 8, 8), torch.uint8),
        "y_test": ((297,), torch.uint8),
    }
    original = load_digits().images
    assert np.abs(data["x_train"].numpy() * (16 / 255) - original[:1500]).max() < 0.04


def test_mnist_is_read_from_a_read_only_folder(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_DATA", str(published))
    before = sorted(p.name for p in published.iterdir())
    data = images.load("mnist", torch.device("cpu"))
    assert data["x_train"].shape == (60_000, 28, 28)
    assert torch.bincount(data["y_test"]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert sorted(p.name for p in published.iterdir()) == before


def test_raw_files_are_converted_once_through_torchvision(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    shutil.copytree(published / "MNIST", folder / "MNIST")
    folder.chmod(0o755)
    monkeypatch.setenv("ARENA_DATA", str(folder))
    first = images.mnist()
    assert (folder / "mnist.npz").is_file()
    assert images.digest(first) == images.CONTENT["mnist"]
    shutil.rmtree(folder / "MNIST")
    assert images.digest(images.mnist()) == images.CONTENT["mnist"]
    assert not list(folder.glob("*.part"))


def test_a_truncated_file_is_named(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mnist.npz"
    file.write_bytes((published / "mnist.npz").read_bytes()[:-1000])
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    with pytest.raises(DataDamaged, match=f"{file} is damaged .*delete it, or put a sound copy at {file}"):
        images.mnist()


def test_altered_content_is_told_by_its_checksum(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = images.read(published / "mnist.npz")
    arrays["x_train"] = arrays["x_train"].copy()
    arrays["x_train"][0, 14, 14] ^= 1
    np.savez(tmp_path / "mnist.npz", **arrays)  # type: ignore[arg-type]
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    with pytest.raises(DataDamaged, match=r"its content has the checksum [0-9a-f]{12}…, but the published data 25c98f992c00…"):
        images.mnist()


def test_a_file_without_its_arrays_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3))
    with pytest.raises(DataDamaged, match="has no y_train and no x_test and no y_test"):
        images.read(tmp_path / "mnist.npz")
    (tmp_path / "mnist.npz").write_bytes(gzip.compress(b"not an npz"))
    with pytest.raises(DataDamaged, match="is damaged"):
        images.read(tmp_path / "mnist.npz")


def test_no_file_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published mirrors are made unreachable; the message names the file, the place and the game without a download."""
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("ARENA_DATA", str(tmp_path / "none"))
    with pytest.raises(DataUnavailable) as error:
        images.mnist()
    assert str(tmp_path / "none" / "mnist.npz") in str(error.value)
    assert "or play 'digits', which needs no download" in str(error.value)
    assert not list((tmp_path / "none").glob("*.part"))


def test_the_command_line_says_so_in_one_sentence(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"PK\x03\x04 broken")
    done = cli("play", "mnist", "--turns", "2", ARENA_DATA=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"arena: {tmp_path / 'mnist.npz'} is damaged")
    assert done.stderr.count("\n") == 1
