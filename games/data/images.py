"""Image data sets as uint8 npz files of x_train, y_train, x_test, y_test: published ones, converted once and verified, and custom ones.

Files are searched in the folder of the environment variable `ARENA_DATA`, which may be read-only, then in the user's cache folder;
missing ones are downloaded by torchvision. Images are (N, H, W) if grey, (N, H, W, 3) if RGB, with pixels from 0 to 255; labels count
from 0. Data of one's own that a setting names are an `Own`, in any format that `arena.data` reads. A game's class may also name an npz in
the format above, whose labels are any whole numbers from 0, each of which is a class.
"""

import contextlib
import functools
import hashlib
import io
import os
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from arena.data import Kept, Source, keep
from arena.data.labels import Label
from arena.data.pixels import FITS, fitted
from arena.errors import ArenaWarning, DataDamaged, DataUnavailable, check_choice, check_number, first_line
from arena.trace.reading import opened
from arena.trace.writing import write_whole

Arrays = dict[str, np.ndarray]
Name = TypeVar("Name", bound=str)
KEYS = ("x_train", "y_train", "x_test", "y_test")
SAVE_AGAIN = "save it again with numpy.savez"
"""Fix of a damaged custom file."""

CONTENT = {
    "mnist": "25c98f992c005963b7428e1f38418b233c9b286cc403519287eb8063f0bcfe07",
    "cifar10-4k": "74f62d659cb3ad421ae33af78eb06d02bfc38eb718b17b8495863d9ec1d492c7",
}
"""SHA-256 over the four arrays of a published data set, in the order of `KEYS`. The others are verified by torchvision during the download,
and by `COUNTS`."""

COUNTS = {
    "mnist": (60_000, 10_000),
    "fashion-mnist": (60_000, 10_000),
    "cifar10": (50_000, 10_000),
    "cifar10-4k": (3_500, 500),
}
"""Training and test images of each published data set."""

CLASSES = 10
"""Classes of each named data set."""

MOST_LABELS = 2**15
"""Labels of custom data are below."""

UNKNOWN = -100
"""The class of a label that is not to be predicted; torch's cross-entropy leaves it out."""


def folders() -> tuple[Path, ...]:
    """Return the folders that are searched: `$ARENA_DATA` if set, then the user's cache folder."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("arena"))
    named = os.environ.get("ARENA_DATA")
    return (Path(named).expanduser(), cache) if named else (cache,)


def local(name: str) -> Path | None:
    """Return the file of that name in the first folder that has it; None if no folder has."""
    return next((file for folder in folders() if (file := folder / name).is_file()), None)


def places(name: str = "") -> str:
    """Return the paths at which a file is searched, for error messages."""
    return " or ".join(str(folder / name) for folder in folders())


@dataclass(frozen=True)
class Own:
    """Images that a setting names, of a size.

    Args:
        text: A path with its checksum, as of `arena.data.Source`, or the name of a published data set.
        size: Side to which images are brought; 0 for their own.
        fit: resize, crop or pad; see `arena.data.pixels.fitted`.

    Raises:
        BadSetting: The size is below 0.
        UnknownName: Unknown fit.
    """

    text: str
    size: int = 0
    fit: str = "resize"

    def __post_init__(self) -> None:
        check_number("size", self.size, least=0, whole=True)
        check_choice("fit", self.fit, FITS)

    def __str__(self) -> str:
        return self.text if self.text in SOURCES else Source.of(self.text).path.name

    def kept(self) -> Kept:
        """Return the images in the cache, converted now unless they are there."""
        return keep(Source.of(self.text), "images", self.size, self.fit)

    def arrays(self) -> Arrays:
        """Return the images, (N, H, W) or (N, H, W, 3), and the classes if there are labels."""
        if self.text not in SOURCES:
            arrays = self.kept().arrays()
            return {key: array[..., 0] if key[0] == "x" and array.shape[3] == 1 else array for key, array in arrays.items()}
        arrays = SOURCES[self.text]()
        for key in ("x_train", "x_test"):
            x = arrays[key] if arrays[key].ndim == 4 else arrays[key][..., None]
            x = np.concatenate([fitted(x[start : start + 4096], self.size, self.fit) for start in range(0, len(x), 4096)])
            arrays[key] = x if x.shape[3] > 1 else x[..., 0]
        return arrays


@functools.cache
def load(name: str | Own, device: torch.device) -> dict[str, Tensor]:
    """Return a data set as uint8 tensors on a device, loaded and checked once per process.

    Own images are mapped into memory, so that they may be larger; on a GPU they stay with the host unless they fit into half of its memory.

    Args:
        name: `mnist`, `fashion-mnist`, `cifar10`, `cifar10-4k` or `digits`, the path of an npz, or own images.
        device: Device of the tensors.

    Raises:
        UnknownName: The name is neither.
        DataUnavailable: There is neither a file nor a network.
        DataDamaged: The file differs from the published data, or is not in the format above.
    """
    if isinstance(name, Own):
        arrays = name.arrays()
    elif name.endswith(".npz"):
        arrays = check(read(Path(name).expanduser(), fix=SAVE_AGAIN), name, None)
        arrays |= {key: as_classes(arrays[key], label_set(arrays)) for key in ("y_train", "y_test")}
    else:
        check_choice("data set", name, SOURCES)
        arrays = check(SOURCES[name](), name, CLASSES)
    kinds = {"x": np.uint8, "y": np.int32 if isinstance(name, Own) else np.int16}
    tensors = {key: torch.from_numpy(np.ascontiguousarray(arrays[key], kinds[key[0]])) for key in KEYS if key in arrays}
    if device.type == "cuda" and sum(tensor.nbytes for tensor in tensors.values()) > torch.cuda.mem_get_info(device)[0] // 2:
        return tensors
    return {key: tensor.to(device) for key, tensor in tensors.items()}


def take(examples: Tensor, index_N: Tensor) -> Tensor:
    """Return some examples on the device of their index; the examples may stay with the host."""
    return examples.index_select(0, index_N.to(examples.device)).to(index_N.device)


def label_set(arrays: Arrays) -> tuple[int, ...]:
    """Return the labels that occur in either part, in ascending order; none without labels."""
    return tuple(np.union1d(arrays["y_train"], arrays["y_test"]).tolist()) if "y_train" in arrays else ()


def as_classes(labels: np.ndarray, classes: Sequence[Label]) -> np.ndarray:
    """Return the place of each label among the `classes`, and `UNKNOWN` for a label that is not among them.

    Example:
        >>> as_classes(np.array([30, 10, 40]), (10, 20, 30)).tolist()
        [2, 0, -100]
    """
    place = {label: number for number, label in enumerate(classes)}
    found, which = np.unique(labels, return_inverse=True)
    return np.array([place.get(label, UNKNOWN) for label in found.tolist()], np.int32)[which]


def first_there(*names: Name) -> Name:
    """Return the first of some data sets that is on this machine and needs no download; the last if none is."""
    return next((name for name in names[:-1] if local(f"{name}.npz") is not None), names[-1])


def digits() -> Arrays:
    """Return scikit-learn's 1,797 handwritten digits, 8×8 grey; the last 297 are the test set.

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
    """Return MNIST, 60,000 + 10,000 handwritten digits, 28×28 grey."""
    return _stored("mnist") or _convert("mnist", functools.partial(_torchvision_mnist, "MNIST"))


def fashion_mnist() -> Arrays:
    """Return Fashion-MNIST, 60,000 + 10,000 articles of clothing in ten classes, 28×28 grey (Xiao et al., arXiv:1708.07747)."""
    return _stored("fashion-mnist") or _convert("fashion-mnist", functools.partial(_torchvision_mnist, "FashionMNIST"))


def cifar10() -> Arrays:
    """Return CIFAR-10, 50,000 + 10,000 photographs in ten classes, 32×32 RGB (Krizhevsky, 2009)."""
    return _stored("cifar10") or _convert("cifar10", _torchvision_cifar10)


def cifar10_4k() -> Arrays:
    """Return a SUBSET of CIFAR-10: its first 4,000 training images, the last 500 for testing. Results are not results on CIFAR-10.

    It is read from `cifar10_4k.npz` if present, else cut from CIFAR-10.
    """
    if (arrays := _stored("cifar10-4k", "cifar10_4k.npz")) is not None:
        return arrays
    try:
        whole = cifar10()
    except DataUnavailable as error:
        raise DataUnavailable(f"{error}; for the subset cifar10-4k, put cifar10_4k.npz at {places('cifar10_4k.npz')}") from error
    x, y = whole["x_train"], whole["y_train"]
    return {"x_train": x[:3500], "y_train": y[:3500], "x_test": x[3500:4000], "y_test": y[3500:4000]}


def read(file: Path, content: str | None = None, fix: str | None = None, needed: Sequence[str] = KEYS) -> Arrays:
    """Return the arrays of an npz that are named in `KEYS`.

    Args:
        file: The npz.
        content: Required SHA-256 of its `digest`.
        fix: Fix for the error message; by default, that of a published file.
        needed: Required arrays.

    Raises:
        DataDamaged: The file is missing, unreadable, incomplete or different.
    """
    fix = fix or f"delete it, or put a sound copy at {file}"
    try:
        with opened(file) as regular, np.load(regular, allow_pickle=False) as archive:
            missing = [key for key in needed if key not in archive.files]
            if missing:
                raise DataDamaged(f"{file} has no {' and no '.join(missing)}, but must have {', '.join(needed)}. Fix: {fix}")
            arrays = {key: archive[key] for key in KEYS if key in archive.files}
    except FileNotFoundError as error:
        raise DataDamaged(f"{file} does not exist. Fix: give the path of an npz") from error
    except (ValueError, AttributeError, TypeError) as error:  # numpy's message on a pickle would explain how to load it unsafely
        raise DataDamaged(f"{file} is damaged: it is not an npz of numeric arrays. Fix: {fix}") from error
    except (OSError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise DataDamaged(f"{file} is damaged ({error}). Fix: {fix}") from error
    if content is not None and (checksum := digest(arrays)) != content:
        raise DataDamaged(
            f"{file} is damaged: its checksum is {checksum[:12]}…, but that of the published data is {content[:12]}…. Fix: {fix}"
        )
    return arrays


def check(arrays: Arrays, name: str, classes: int | None, square: bool = False) -> Arrays:
    """Return the arrays, checked to be images and labels in the format above.

    Args:
        arrays: Images, and labels of both parts or of neither.
        name: Name of the data set, for error messages.
        classes: Number of classes; None for any labels below `MOST_LABELS`.
        square: Whether images must be square.

    Raises:
        DataDamaged: An array has another format; the error names it, its contents and the expected ones.

    Example:
        >>> grey, label = np.zeros((2, 4, 4)), np.zeros(2, np.uint8)
        >>> check({"x_train": grey, "y_train": label, "x_test": grey, "y_test": label}, "mine", 10)
        Traceback (most recent call last):
        ...
        arena.errors.DataDamaged: x_train of mine holds float64 from 0 to 0, but pixels must be uint8 from 0 to 255. \
Fix: multiply pixels in [0, 1] by 255, round them and save them as uint8
    """
    if ("y_train" in arrays) != ("y_test" in arrays):
        raise DataDamaged(f"{name} has only one of y_train and y_test. Fix: save both, or neither if there are no labels")
    for part in ("train", "test"):
        _check_pixels(f"x_{part} of {name}", arrays[f"x_{part}"], square)
        if f"y_{part}" in arrays:
            _check_labels(f"y_{part} of {name}", arrays[f"y_{part}"], len(arrays[f"x_{part}"]), classes)
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        sizes = " and ".join("×".join(map(str, arrays[key].shape[1:])) for key in ("x_train", "x_test"))
        raise DataDamaged(f"training and test images of {name} have the sizes {sizes}, but must have one size. Fix: resize them")
    return arrays


FAINT = 16
"""Largest pixel that indicates another range: that of scikit-learn's digits, or truncated fractions."""


def _check_pixels(what: str, x: np.ndarray, square: bool) -> None:
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3, 4)) or not x.size:
        raise DataDamaged(
            f"{what} has the shape {x.shape}, but must be N×H×W or N×H×W×3 with N at least 1, channels last. Fix: transpose or reshape it"
        )
    if square and x.shape[1] != x.shape[2]:
        raise DataDamaged(f"{what} has the shape {x.shape}, but images must be square. Fix: pad them")
    if x.dtype != np.uint8 or x.max() <= FAINT:
        contents = f"{x.dtype} from {x.min():g} to {x.max():g}" if x.dtype.kind in "biuf" else f"{x.dtype}"
        raise DataDamaged(
            f"{what} holds {contents}, but pixels must be uint8 from 0 to 255. "
            "Fix: multiply pixels in [0, 1] by 255, round them and save them as uint8"
        )


def _check_labels(what: str, y: np.ndarray, count: int, classes: int | None) -> None:
    if y.shape != (count,) or not np.issubdtype(y.dtype, np.integer):
        raise DataDamaged(
            f"{what} holds {y.dtype} of shape {y.shape}, but labels must be whole numbers, one for each of {count:,} images. "
            "Fix: save y.astype(int), or names.index(label) for each label that is a name"
        )
    low, high, most = int(y.min()), int(y.max()), (MOST_LABELS if classes is None else classes) - 1
    if low < 0 or high > most:
        raise DataDamaged(f"{what} holds labels from {low} to {high}, but they must be in 0 to {most}. Fix: count them from 0")


def digest(arrays: Arrays) -> str:
    """Return the SHA-256 over shapes and bytes of the four arrays as uint8."""
    total = hashlib.sha256()
    for key in KEYS:
        array = np.ascontiguousarray(arrays[key], dtype=np.uint8)
        total.update(repr(array.shape).encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _stored(name: str, file_name: str | None = None) -> Arrays | None:
    """Return a published data set from the first folder that has its npz, verified; None if no folder has it."""
    if (file := local(file_name or f"{name}.npz")) is None:
        return None
    return _counted(name, read(file, CONTENT.get(name)), f"{file} is damaged", f"delete it, or put a sound copy at {file}")


def _convert(name: str, fetch: Callable[[Path], Arrays]) -> Arrays:
    """Fetch a data set, and save it as an npz in the first writable folder."""
    target = next((f for f in folders() if _writable(f)), None)
    with tempfile.TemporaryDirectory() as scratch:
        arrays = fetch(Path(scratch))
    if name in CONTENT and digest(arrays) != CONTENT[name]:
        raise DataDamaged(f"the downloaded {name} is not the published data set. Fix: try again, or provide a sound {name}.npz")
    _counted(name, arrays, f"{name} is incomplete", f"delete its files to download them again, or provide a sound {name}.npz")
    if target is not None:
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
        try:
            write_whole(target / f"{name}.npz", content.getvalue(), shared=True)
        except OSError as error:
            warnings.warn(
                ArenaWarning(f"{name} could not be kept in {target} ({error.strerror}); the next run makes it again"), stacklevel=2
            )
    return arrays


def _counted(name: str, arrays: Arrays, problem: str, fix: str) -> Arrays:
    """Return the arrays if they have the published numbers of images."""
    counts, published = (len(arrays["x_train"]), len(arrays["x_test"])), COUNTS[name]
    if counts != published:
        here, there = ("{:,} + {:,}".format(*pair) for pair in (counts, published))
        raise DataDamaged(f"{problem}: it has {here} images, but the published data {there}. Fix: {fix}")
    return arrays


def _torchvision_mnist(kind: str, scratch: Path) -> Arrays:
    """Read MNIST, or another data set in its format of four idx files, by torchvision's class of that name."""
    from torchvision import datasets

    for folder in folders():  # raw files only need extracting
        if (raw := folder / kind / "raw").is_dir():
            shutil.copytree(raw, scratch / kind / "raw")
            break
    with downloading(kind, _provide({"MNIST": "mnist", "FashionMNIST": "fashion-mnist"}[kind])):
        train, test = (getattr(datasets, kind)(str(scratch), train=flag, download=True) for flag in (True, False))
    return arrays_of(train, test)


def _torchvision_cifar10(scratch: Path) -> Arrays:
    from torchvision.datasets import CIFAR10

    for folder in folders():  # extracted files are verified and read in place; an archive only needs unpacking
        if (batches := folder / CIFAR10.base_folder).is_dir():
            try:
                return arrays_of(*(CIFAR10(str(folder), train=flag) for flag in (True, False)))
            except RuntimeError as error:
                reason = str(error).split(".")[0]
                raise DataDamaged(f"{batches} is not the published CIFAR-10 ({reason}). Fix: delete it, or restore it") from error
        if (folder / CIFAR10.filename).is_file():
            shutil.copyfile(folder / CIFAR10.filename, scratch / CIFAR10.filename)
            break
    with downloading("CIFAR-10", _provide("cifar10")):
        return arrays_of(*(CIFAR10(str(scratch), train=flag, download=True) for flag in (True, False)))


def arrays_of(train: Any, test: Any) -> Arrays:
    """Return the arrays of torchvision's data sets for training and testing."""
    parts = {"x_train": train.data, "y_train": train.targets, "x_test": test.data, "y_test": test.targets}
    return {key: np.asarray(part, np.uint8) for key, part in parts.items()}


@contextlib.contextmanager
def downloading(title: str, fix: str) -> Iterator[None]:
    """Turn errors of a download into `DataUnavailable`."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        reason = first_line(error).rstrip(": ")
        raise DataUnavailable(f"{title} is not on this machine and could not be downloaded ({reason}). Fix: {fix}") from error


def _provide(name: str) -> str:
    variable = "" if os.environ.get("ARENA_DATA") else ", set ARENA_DATA to a folder that holds it"
    return f"put {name}.npz at {places(f'{name}.npz')}{variable}, or use 'digits', which needs no download"


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
