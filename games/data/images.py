"""Image data sets, each one uint8 npz of x_train, y_train, x_test, y_test: published ones, converted once and verified, or one's own.

They are looked for in the folder named by the environment variable `ARENA_DATA` (which may be read-only), else in the user's cache
folder; what is in neither is downloaded through torchvision's own class, with its progress bar. Images are N×H×W where they are grey,
N×H×W×3 where they have colours, with pixels from 0 to 255; labels count from 0. A set of one's own goes by the path of its npz.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from arena.errors import DataDamaged, DataUnavailable, check_choice

Arrays = dict[str, np.ndarray]
Name = TypeVar("Name", bound=str)
KEYS = ("x_train", "y_train", "x_test", "y_test")
SAVE_ANEW = "save it anew by numpy.savez"
"""What to do about a file of one's own that is not sound."""

CONTENT = {
    "mnist": "25c98f992c005963b7428e1f38418b233c9b286cc403519287eb8063f0bcfe07",
    "cifar10-4k": "74f62d659cb3ad421ae33af78eb06d02bfc38eb718b17b8495863d9ec1d492c7",
}
"""SHA-256 over the four arrays of a published data set, in the order of `KEYS`. Where there is none, the files from which it is read
are verified by torchvision as it downloads them, and its counts are those of `COUNTS`."""

COUNTS = {
    "mnist": (60_000, 10_000),
    "fashion-mnist": (60_000, 10_000),
    "cifar10": (50_000, 10_000),
    "cifar10-4k": (3_500, 500),
}
"""Images to train on and to test on of each published data set."""

CLASSES = 10
"""Of every data set that has a name here."""


def folders() -> tuple[Path, ...]:
    """Where data sets are looked for: `$ARENA_DATA` if it is set, then the user's cache folder."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("arena"))
    named = os.environ.get("ARENA_DATA")
    return (Path(named).expanduser(), cache) if named else (cache,)


@functools.cache
def load(name: str, device: torch.device) -> dict[str, Tensor]:
    """A data set as uint8 tensors on a device, loaded and checked once per process.

    Args:
        name: of a published data set (`mnist`, `fashion-mnist`, `cifar10`, `cifar10-4k`, `digits`), or the path of an npz.
        device: where the tensors live.

    Raises:
        UnknownName: for a name that is neither.
        DataUnavailable: where there is neither a file nor a network.
        DataDamaged: where the file's content is not what was published, or holds no images as they are described above.
    """
    if name.endswith(".npz"):
        arrays = check(read(Path(name).expanduser(), mend=SAVE_ANEW), name, None)
    else:
        check_choice("data set", name, SOURCES)
        arrays = check(SOURCES[name](), name, CLASSES)
    return {key: torch.from_numpy(np.ascontiguousarray(arrays[key], np.uint8)).to(device) for key in KEYS}


def first_there(*names: Name) -> Name:
    """The first of some data sets that is on this machine, so that it need not be downloaded; the last where none is.

    Example:
        >>> first_there("digits")
        'digits'
    """
    here = lambda name: any((folder / f"{name}.npz").is_file() for folder in folders())  # noqa: E731
    return next((name for name in names[:-1] if here(name)), names[-1])


def digits() -> Arrays:
    """The 1,797 handwritten digits of 8×8 pixels that scikit-learn ships; the last 297 are the test set.

    Example:
        >>> digits()["x_train"].shape, int(digits()["x_test"].max())
        ((1500, 8, 8), 255)
    """
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    y = bunch.target.astype(np.uint8)
    return {"x_train": x[:1500], "y_train": y[:1500], "x_test": x[1500:], "y_test": y[1500:]}


def mnist() -> Arrays:
    """MNIST, 60,000 + 10,000 handwritten digits of 28×28 pixels."""
    return _found("mnist") or _convert("mnist", functools.partial(_torchvision_mnist, "MNIST"))


def fashion_mnist() -> Arrays:
    """Fashion-MNIST, 60,000 + 10,000 pieces of clothing of 28×28 pixels in ten kinds (Xiao et al., arXiv:1708.07747)."""
    return _found("fashion-mnist") or _convert("fashion-mnist", functools.partial(_torchvision_mnist, "FashionMNIST"))


def cifar10() -> Arrays:
    """CIFAR-10, 50,000 + 10,000 photographs of 32×32 pixels in ten kinds (Krizhevsky, 2009)."""
    return _found("cifar10") or _convert("cifar10", _torchvision_cifar10)


def cifar10_4k() -> Arrays:
    """A SUBSET of CIFAR-10: its first 4,000 training images, of which the last 500 are the test set. No number on it is one on CIFAR-10.

    It is read from `cifar10_4k.npz` where there is one, else cut from CIFAR-10.
    """
    if (found := _found("cifar10-4k", "cifar10_4k.npz")) is not None:
        return found
    try:
        whole = cifar10()
    except DataUnavailable as error:
        places = " or ".join(str(folder / "cifar10_4k.npz") for folder in folders())
        raise DataUnavailable(f"{error}; its subset cifar10-4k is also read from {places}") from error
    x, y = whole["x_train"], whole["y_train"]
    return {"x_train": x[:3500], "y_train": y[:3500], "x_test": x[3500:4000], "y_test": y[3500:4000]}


def read(file: Path, content: str | None = None, mend: str | None = None, needed: Sequence[str] = KEYS) -> Arrays:
    """The arrays of an npz that are named in `KEYS`.

    Args:
        file: the npz.
        content: the SHA-256 that `digest` of it must be.
        mend: what to do about one that is not sound; by default, of a published file, to delete or replace it.
        needed: which of them must be there.

    Raises:
        DataDamaged: naming the file.
    """
    mend = mend or f"delete it, or put a sound copy at {file}"
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            missing = [key for key in needed if key not in archive.files]
            if missing:
                raise DataDamaged(f"{file} has no {' and no '.join(missing)}, but must hold {', '.join(needed)}; {mend}")
            arrays = {key: archive[key] for key in KEYS if key in archive.files}
    except FileNotFoundError as error:
        raise DataDamaged(f"{file} is not there; give the path of an npz") from error
    except (ValueError, AttributeError, TypeError) as error:  # numpy's own words on a pickle would say how to load it unsafely
        raise DataDamaged(f"{file} is damaged: it is no npz of arrays of numbers; {mend}") from error
    except (OSError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise DataDamaged(f"{file} is damaged ({error}); {mend}") from error
    if content is not None and (found := digest(arrays)) != content:
        raise DataDamaged(f"{file} is damaged: its content has the checksum {found[:12]}…, but the published data {content[:12]}…; {mend}")
    return arrays


def check(arrays: Arrays, name: str, classes: int | None, square: bool = False) -> Arrays:
    """The same arrays, if they are images and labels as this file describes them.

    Args:
        arrays: pixels, and labels of both parts or of neither.
        name: of the data set, for messages.
        classes: how many labels there are; None takes any up to 256.
        square: whether images must be as high as wide.

    Raises:
        DataDamaged: naming the array, what it holds and what it should.

    Example:
        >>> grey, label = np.zeros((2, 4, 4)), np.zeros(2, np.uint8)
        >>> check({"x_train": grey, "y_train": label, "x_test": grey, "y_test": label}, "mine", 10)
        Traceback (most recent call last):
        ...
        arena.errors.DataDamaged: x_train of mine holds float64 from 0 to 0, but pixels are uint8 from 0 to 255; \
multiply them by 255 if they are in [0, 1], round them and save them as uint8
    """
    if ("y_train" in arrays) != ("y_test" in arrays):
        raise DataDamaged(f"{name} has only one of y_train and y_test; give both, or neither where there are no labels")
    for part in ("train", "test"):
        _check_pixels(f"x_{part} of {name}", arrays[f"x_{part}"], square)
        if f"y_{part}" in arrays:
            _check_labels(f"y_{part} of {name}", arrays[f"y_{part}"], len(arrays[f"x_{part}"]), classes)
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        sizes = " and ".join("×".join(map(str, arrays[key].shape[1:])) for key in ("x_train", "x_test"))
        raise DataDamaged(f"the images of {name} to train on and to test on have sizes {sizes}, but must have one; bring them to the same")
    return arrays


FAINT = 16
"""Pixels that reach no further are of another range: those of scikit-learn's digits, or fractions that were cut off."""


def _check_pixels(what: str, x: np.ndarray, square: bool) -> None:
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3)) or not x.size:
        raise DataDamaged(
            f"{what} has the shape {x.shape}, but must be N×H×W or N×H×W×3 with the channels last, N at least 1; transpose or reshape it"
        )
    if square and x.shape[1] != x.shape[2]:
        raise DataDamaged(f"{what} has the shape {x.shape}, but images must be square; pad them")
    if x.dtype != np.uint8 or x.max() <= FAINT:
        found = f"{x.dtype} from {x.min():g} to {x.max():g}" if x.dtype.kind in "biuf" else f"{x.dtype}"
        raise DataDamaged(
            f"{what} holds {found}, but pixels are uint8 from 0 to 255; "
            "multiply them by 255 if they are in [0, 1], round them and save them as uint8"
        )


def _check_labels(what: str, y: np.ndarray, count: int, classes: int | None) -> None:
    if y.shape != (count,) or not np.issubdtype(y.dtype, np.integer):
        raise DataDamaged(f"{what} holds {y.dtype} of shape {y.shape}, but labels are whole numbers, one for each of {count:,} images")
    low, high, most = int(y.min()), int(y.max()), (256 if classes is None else classes) - 1
    if low < 0 or high > most:
        raise DataDamaged(f"{what} holds labels from {low} to {high}, but they must be in 0 to {most}; count them from 0")


def digest(arrays: Arrays) -> str:
    """SHA-256 over shapes and bytes of the four arrays as uint8, whatever file they came from."""
    total = hashlib.sha256()
    for key in KEYS:
        array = np.ascontiguousarray(arrays[key], dtype=np.uint8)
        total.update(repr(array.shape).encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _found(name: str, file_name: str | None = None) -> Arrays | None:
    """A published data set, verified, from the first folder that holds its npz; None where none does."""
    for folder in folders():
        if (file := folder / (file_name or f"{name}.npz")).is_file():
            return _counted(name, read(file, CONTENT.get(name)), f"{file} is damaged", f"delete it, or put a sound copy at {file}")
    return None


def _convert(name: str, fetch: Callable[[Path], Arrays]) -> Arrays:
    """Fetch a data set, and keep it as one npz in the first folder that can be written to."""
    target = next((f for f in folders() if _writable(f)), None)
    with tempfile.TemporaryDirectory() as scratch:
        arrays = fetch(Path(scratch))
    if name in CONTENT and digest(arrays) != CONTENT[name]:
        raise DataDamaged(f"the {name} that was downloaded is not the published data set; try again, or put a sound {name}.npz into place")
    _counted(name, arrays, f"what was found of {name} is not whole", f"delete it to download it anew, or put a sound {name}.npz into place")
    if target is not None:
        handle, path = tempfile.mkstemp(dir=target, suffix=".npz.part")
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(path, target / f"{name}.npz")
    return arrays


def _counted(name: str, arrays: Arrays, what: str, mend: str) -> Arrays:
    found, published = (len(arrays["x_train"]), len(arrays["x_test"])), COUNTS[name]
    if found != published:
        counts = ["{:,} + {:,}".format(*pair) for pair in (found, published)]
        raise DataDamaged(f"{what}: it has {counts[0]} images, but the published data {counts[1]}; {mend}")
    return arrays


def _torchvision_mnist(kind: str, scratch: Path) -> Arrays:
    """What torchvision's class of that name reads: MNIST, or another set in its format of four idx files."""
    from torchvision import datasets

    for folder in folders():  # raw files that are there already only need extracting
        if (raw := folder / kind / "raw").is_dir():
            shutil.copytree(raw, scratch / kind / "raw")
            break
    with _said(kind, {"MNIST": "mnist", "FashionMNIST": "fashion-mnist"}[kind]):
        train, test = (getattr(datasets, kind)(str(scratch), train=flag, download=True) for flag in (True, False))
    return _arrays(train.data.numpy(), train.targets, test.data.numpy(), test.targets)


def _torchvision_cifar10(scratch: Path) -> Arrays:
    from torchvision.datasets import CIFAR10

    for folder in folders():  # files that are there already are verified and read in place, or only need unpacking
        if (there := folder / CIFAR10.base_folder).is_dir():
            try:
                return _of_cifar10(*(CIFAR10(str(folder), train=flag) for flag in (True, False)))
            except RuntimeError as error:
                raise DataDamaged(
                    f"{there} is not the published CIFAR-10 ({str(error).split('.')[0]}); delete it, or put it back whole"
                ) from error
        if (folder / CIFAR10.filename).is_file():
            shutil.copyfile(folder / CIFAR10.filename, scratch / CIFAR10.filename)
            break
    with _said("CIFAR-10", "cifar10"):
        return _of_cifar10(*(CIFAR10(str(scratch), train=flag, download=True) for flag in (True, False)))


def _of_cifar10(train: Any, test: Any) -> Arrays:
    return _arrays(train.data, train.targets, test.data, test.targets)


def _arrays(x_train: Any, y_train: Any, x_test: Any, y_test: Any) -> Arrays:
    return {"x_train": x_train, "y_train": np.asarray(y_train, np.uint8), "x_test": x_test, "y_test": np.asarray(y_test, np.uint8)}


@contextlib.contextmanager
def _said(title: str, name: str) -> Iterator[None]:
    """Say where a data set could be put that can be neither found nor downloaded."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(": ")
        places = " or ".join(str(folder / f"{name}.npz") for folder in folders())
        named = "" if os.environ.get("ARENA_DATA") else ", let ARENA_DATA name a folder that holds it"
        raise DataUnavailable(
            f"{title} is not on this machine and could not be downloaded ({reason}): put {name}.npz at {places}{named}, "
            "or take 'digits', which needs no download"
        ) from error


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


SOURCES: dict[str, Callable[[], Arrays]] = {
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar10-4k": cifar10_4k,
    "digits": digits,
}
