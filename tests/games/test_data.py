"""Data sets: published ones verified by content, damaged ones named, missing ones explained."""

import gzip
import hashlib
import os
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from arena.cli import main
from arena.errors import DataDamaged, DataUnavailable, UnknownName
from arena.games.data import images


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images.load.cache_clear()


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    data = images.load("digits", torch.device("cpu"))
    assert {key: (tuple(t.shape), t.dtype) for key, t in data.items()} == {
        "x_train": ((1500, 8, 8), torch.uint8),
        "y_train": ((1500,), torch.int16),
        "x_test": ((297, 8, 8), torch.uint8),
        "y_test": ((297,), torch.int16),
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


def test_altered_content_is_detected_by_its_checksum(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = images.read(published / "mnist.npz")
    arrays["x_train"] = arrays["x_train"].copy()
    arrays["x_train"][0, 14, 14] ^= 1
    np.savez(tmp_path / "mnist.npz", **arrays)  # type: ignore[arg-type]
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    with pytest.raises(DataDamaged, match=r"its checksum is [0-9a-f]{12}…, but that of the published data is 25c98f992c00…"):
        images.mnist()


def test_a_file_without_its_arrays_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3))
    with pytest.raises(DataDamaged, match="has no y_train and no x_test and no y_test"):
        images.read(tmp_path / "mnist.npz")
    (tmp_path / "mnist.npz").write_bytes(gzip.compress(b"not an npz"))
    with pytest.raises(DataDamaged, match="is damaged"):
        images.read(tmp_path / "mnist.npz")


def test_no_file_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With unreachable mirrors, the message names the file, the place and a game without a download."""
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("ARENA_DATA", str(tmp_path / "none"))
    with pytest.raises(DataUnavailable) as error:
        images.mnist()
    assert str(tmp_path / "none" / "mnist.npz") in str(error.value)
    assert "or use 'digits', which needs no download" in str(error.value)
    assert not list((tmp_path / "none").glob("*.part"))


# Other sets ---------------------------------------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    """The published format: two zeros, 8 for bytes, the number of axes, each length as four big-endian bytes, then the bytes."""
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def clothes(folder: Path) -> images.Arrays:
    """Write small files with Fashion-MNIST's names and format; return their contents."""
    rng = np.random.default_rng(0)
    arrays, raw = {}, folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, prefix, n in (("train", "train", 6), ("test", "t10k", 3)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, n, dtype=np.uint8)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(idx(arrays[f"x_{part}"]))
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(arrays[f"y_{part}"]))
    return arrays


def test_fashion_mnist_is_read_from_its_idx_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = clothes(tmp_path)
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    with pytest.raises(DataDamaged) as error:  # six images instead of 60,000
        images.fashion_mnist()
    assert "fashion-mnist is incomplete: it has 6 + 3 images, but the published data 60,000 + 10,000" in str(error.value)
    assert not list(tmp_path.glob("*.npz*"))
    monkeypatch.setitem(images.COUNTS, "fashion-mnist", (6, 3))
    found = images.fashion_mnist()
    assert all(np.array_equal(found[key], written[key]) and found[key].dtype == np.uint8 for key in images.KEYS)
    shutil.rmtree(tmp_path / "FashionMNIST")
    loaded = images.load("fashion-mnist", torch.device("cpu"))  # now from the npz
    assert torch.equal(loaded["x_test"], torch.from_numpy(written["x_test"]))


def test_missing_fashion_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import FashionMNIST

    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("ARENA_DATA", str(tmp_path / "none"))
    with pytest.raises(DataUnavailable) as error:
        images.fashion_mnist()
    assert str(error.value).startswith("FashionMNIST is not on this machine and could not be downloaded (")
    assert f"put fashion-mnist.npz at {tmp_path / 'none' / 'fashion-mnist.npz'} or " in str(error.value)
    assert str(error.value).endswith(", or use 'digits', which needs no download")


def photographs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> images.Arrays:
    """Write small files with CIFAR-10's names and format (rows of 3,072 bytes, red first), patch its checksums, and return the contents."""
    from torchvision.datasets import CIFAR10

    rng, written, sums = np.random.default_rng(0), {}, {}
    (folder / CIFAR10.base_folder).mkdir(parents=True)

    def write(name: str, content: object) -> None:
        data = pickle.dumps(content)
        (folder / CIFAR10.base_folder / name).write_bytes(data)
        sums[name] = hashlib.md5(data).hexdigest()

    for name, _ in [*CIFAR10.train_list, *CIFAR10.test_list]:
        x, y = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 2).tolist()
        write(name, {"data": x.transpose(0, 3, 1, 2).reshape(2, 3072), "labels": y})
        written[name] = x, y
    write("batches.meta", {"label_names": [str(i) for i in range(10)]})
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(CIFAR10, part, [[name, sums[name]] for name, _ in getattr(CIFAR10, part)])
    monkeypatch.setitem(CIFAR10.meta, "md5", sums["batches.meta"])
    batches = [written[f"data_batch_{i}"] for i in range(1, 6)]
    x_test, y_test = written["test_batch"]
    return {
        "x_train": np.concatenate([x for x, _ in batches]),
        "y_train": np.concatenate([y for _, y in batches]),
        "x_test": x_test,
        "y_test": np.array(y_test),
    }


def test_cifar10_is_read_from_its_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = photographs(tmp_path, monkeypatch)
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    monkeypatch.setitem(images.COUNTS, "cifar10", (10, 2))
    found = images.load("cifar10", torch.device("cpu"))
    assert all(np.array_equal(found[key].numpy(), written[key]) for key in images.KEYS)
    assert found["x_train"].shape == (10, 32, 32, 3)


def test_a_damaged_batch_of_cifar10_is_detected_by_its_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs(tmp_path, monkeypatch)
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    monkeypatch.setitem(images.COUNTS, "cifar10", (10, 2))
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-1] + b"!")
    with pytest.raises(DataDamaged, match=f"{batch.parent} is not the published CIFAR-10 .*Fix: delete it, or restore it"):
        images.cifar10()


def test_missing_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    with pytest.raises(DataUnavailable, match=r"CIFAR-10 is not on this machine and could not be downloaded \(.*put cifar10.npz at"):
        images.cifar10()
    with pytest.raises(DataUnavailable, match=f"; for the subset cifar10-4k, put cifar10_4k.npz at {tmp_path / 'cifar10_4k.npz'} or "):
        images.cifar10_4k()


def test_the_subset_of_cifar10(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (file := published / "cifar10_4k.npz").is_file():
        pytest.skip("ARENA_DATA names no folder with cifar10_4k.npz")
    monkeypatch.setenv("ARENA_DATA", str(published))
    data = images.load("cifar10-4k", torch.device("cpu"))
    assert data["x_train"].shape == (3500, 32, 32, 3) and data["x_test"].shape == (500, 32, 32, 3)
    arrays = images.read(file)
    arrays["y_train"] = np.roll(arrays["y_train"], 1)
    np.savez(tmp_path / "cifar10_4k.npz", **arrays)  # type: ignore[arg-type]
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    with pytest.raises(DataDamaged, match=r"its checksum is [0-9a-f]{12}…, but that of the published data is 74f62d659cb3…"):
        images.cifar10_4k()


def test_the_subset_is_the_head_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its own file, the subset is the first 4,000 images of CIFAR-10: 3,500 for training, 500 for testing."""
    numbers = np.arange(5000, dtype=np.uint32)
    x = np.zeros((5000, 1, 4), np.uint8)
    x[:] = numbers.view(np.uint8).reshape(5000, 1, 4)
    whole = {"x_train": x, "y_train": np.zeros(5000, np.uint8), "x_test": x[:2], "y_test": np.zeros(2, np.uint8)}
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    monkeypatch.setattr(images, "cifar10", lambda: whole)
    found = images.cifar10_4k()
    assert np.array_equal(found["x_train"], x[:3500]) and np.array_equal(found["x_test"], x[3500:4000])


GREY, LABELS = np.full((4, 8, 8), 200, np.uint8), np.arange(4, dtype=np.uint8)
GOOD = {"x_train": GREY, "y_train": LABELS, "x_test": GREY, "y_test": LABELS}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_train": GREY / 255.0},
            "x_train of mine.npz holds float64 from 0.784314 to 0.784314, but pixels must be uint8 from 0 to 255. Fix: multiply pixels in",
        ),
        ({"x_test": GREY // 200}, "x_test of mine.npz holds uint8 from 1 to 1, but pixels must be uint8 from 0 to 255"),
        ({"x_train": GREY.reshape(4, 64)}, "x_train of mine.npz has the shape (4, 64), but must be N×H×W or N×H×W×3"),
        (
            {"x_train": GREY[:0], "y_train": LABELS[:0]},
            "x_train of mine.npz has the shape (0, 8, 8), but must be N×H×W or N×H×W×3 with N at least 1, channels last",
        ),
        ({"x_train": GREY[:, None]}, "x_train of mine.npz has the shape (4, 1, 8, 8), but must be"),
        ({"x_test": GREY[:, :4]}, "training and test images of mine.npz have the sizes 8×8 and 4×8, but must have one size"),
        (
            {"y_train": LABELS[:3]},
            "y_train of mine.npz holds uint8 of shape (3,), but labels must be whole numbers, one for each of 4 images",
        ),
        ({"y_test": LABELS / 2}, "y_test of mine.npz holds float64 of shape (4,), but labels must be whole numbers"),
        ({"y_test": LABELS + 7}, "y_test of mine.npz holds labels from 7 to 10, but they must be in 0 to 9. Fix: count them from 0"),
        ({"x_test": GREY // 20}, "x_test of mine.npz holds uint8 from 10 to 10, but pixels must be uint8 from 0 to 255"),
        ({"y_train": LABELS.astype(int) - 1}, "y_train of mine.npz holds labels from -1 to 2, but they must be in 0 to 9"),
    ],
)
def test_arrays_in_another_format_are_refused_in_one_line(changes: images.Arrays, message: str) -> None:
    assert images.check(GOOD, "mine.npz", 10) is GOOD
    with pytest.raises(DataDamaged) as error:
        images.check(GOOD | changes, "mine.npz", 10)
    assert str(error.value).startswith(message)
    assert str(error.value).count("\n") == 0


def test_the_message_on_another_file_does_not_suggest_unsafe_loading(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", GREY)
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    (tmp_path / "text.npz").write_text("hello")
    for name in ("array.npz", "text.npz"):
        with pytest.raises(DataDamaged) as error:
            images.load(str(tmp_path / name), torch.device("cpu"))
        assert str(error.value) == f"{tmp_path / name} is damaged: it is not an npz of numeric arrays. Fix: save it again with numpy.savez"


@pytest.mark.parametrize("target", [None, "/dev/zero", "."])
def test_a_data_set_is_a_regular_file(target: str | None, tmp_path: Path) -> None:
    """A pipe, which nobody writes into, a device and a folder are refused at once."""
    file = tmp_path / "mine.npz"
    if target is None:
        os.mkfifo(file)
    else:
        file.symlink_to(target)
    with pytest.raises(DataDamaged, match=r"no regular file|Is a directory"):
        images.load(str(file), torch.device("cpu"))


def test_a_custom_data_set_is_named_by_its_path(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **(GOOD | {"y_train": LABELS.astype(np.int64)}))  # type: ignore[arg-type]
    data = images.load(str(tmp_path / "mine.npz"), torch.device("cpu"))
    assert data["x_train"].dtype == torch.uint8 and data["x_train"].shape == (4, 8, 8) and data["y_train"].tolist() == LABELS.tolist()
    with pytest.raises(DataDamaged, match=r"none.npz does not exist. Fix: give the path of an npz"):
        images.load(str(tmp_path / "none.npz"), torch.device("cpu"))
    with pytest.raises(UnknownName, match="unknown data set 'minst': did you mean 'mnist'"):
        images.load("minst", torch.device("cpu"))


def test_the_command_line_reports_it_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"PK\x03\x04 broken")
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main replaces it
    monkeypatch.chdir(tmp_path)
    assert main(["play", "mnist", "--turns", "2"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"arena: {tmp_path / 'mnist.npz'} is damaged")
    assert error.count("\n") == 1
