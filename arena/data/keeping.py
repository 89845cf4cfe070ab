"""Keep a data set: convert it once to arrays in the cache, from where they are memory-mapped.

    x_train.npy, x_test.npy    images as bytes (N, H, W, C), or rows of numbers (N, D)
    y_train.npy, y_test.npy    classes from 0, if there are labels
    arena-data.json            what it was made of, and the labels by class; written last

The folder's name has the checksum of the source and of the settings of the conversion, so that changed data are other data.
"""

import contextlib
import functools
import hashlib
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arena.data.checksum import SHOWN, cache, checksum
from arena.data.converting import FORMAT, MARK, Kind, convert
from arena.data.labels import Label
from arena.data.part import reader_of
from arena.data.source import Source
from arena.errors import ArenaError, ArenaWarning, DataDamaged, DataUnavailable
from arena.trace.reading import read_text
from arena.trace.writing import make_folder, sync_folder


@dataclass(frozen=True)
class Kept:
    """A kept data set.

    Args:
        folder: The folder of its arrays.
        name: Name of the source, for messages.
        kind: images or rows.
        shape: Shape of an example: (H, W, C) or (D,).
        counts: Numbers of training and of test examples.
        labels: The labels by class; empty without labels.
        checksum: Checksum of the source.
    """

    folder: Path
    name: str
    kind: Kind
    shape: tuple[int, ...]
    counts: tuple[int, int]
    labels: tuple[Label, ...]
    checksum: str

    def moments(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of each column of the training rows; 1 for the deviation of a constant column."""
        x, count = self.arrays()["x_train"], self.counts[0]
        blocks = [x[start : start + 65536] for start in range(0, count, 65536)]
        mean = sum(block.sum(0, dtype=np.float64) for block in blocks) / count
        deviation = np.sqrt(sum(np.square(block - mean).sum(0) for block in blocks) / count)
        return tuple(mean.tolist()), tuple(np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0).tolist())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the memory-mapped arrays by name, such as x_train; changes of them stay in memory.

        Raises:
            DataDamaged: A file is damaged.
        """
        names = [f"{letter}_{part}" for part in ("train", "test") for letter in ("xy" if self.labels else "x")]
        try:
            found = {name: np.load(self.folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in names}
        except (OSError, ValueError, EOFError) as error:
            raise DataDamaged(f"{self.folder} is damaged ({error}). Fix: delete it, to convert {self.name} again") from error
        for part, count in zip(("train", "test"), self.counts, strict=True):
            if found[f"x_{part}"].shape != (count, *self.shape):
                raise DataDamaged(f"{self.folder} is damaged: x_{part} has another shape. Fix: delete it, to convert {self.name} again")
        return found


@functools.cache
def keep(source: Source, kind: Kind | None = None, size: int = 0, fit: str = "resize", channels: int = 0) -> Kept:
    """Return a data set from the cache, converted now unless it is there.

    Args:
        source: Place and checksum of the data set.
        kind: images or rows; None for what it holds.
        size: Side of the images; 0 for their own.
        fit: How images of another size are fitted; see `arena.data.pixels.fitted`.
        channels: 1 or 3; 0 for 1 if all images are grey, else 3.

    Raises:
        DataUnavailable: There is neither the source nor a kept copy.
        DataDamaged: The source cannot be read, or it has changed and there is no kept copy.
    """
    recipe = repr((FORMAT, source.checksum, kind, size, fit if size else "", channels))
    folder = cache() / f"{_stem(source.path)}-{hashlib.sha256(recipe.encode()).hexdigest()[:SHOWN]}"
    there = _found(folder, source)
    if not source.path.exists():
        if there is None:
            raise DataUnavailable(f"{source.path} does not exist, and the cache has no copy of it. Fix: give the path of the data set")
        warnings.warn(ArenaWarning(f"{source.path} does not exist any more: its copy in the cache is played, {folder}"), stacklevel=2)
        return there
    if (now := checksum(source.path)) != source.checksum:
        if there is None:
            raise DataDamaged(
                f"{source.path} has changed: its checksum was {source.checksum} and is {now}. Expected the data with which the run began. "
                "Fix: restore them, or begin another run"
            )
        warnings.warn(ArenaWarning(f"{source.path} has changed since; the former content is played, from its copy {folder}"), stacklevel=2)
        return there
    if there is not None:
        return there
    if source.path.parent == cache() and (kind, size, channels) == (None, 0, 0) and (there := _found(source.path, source)) is not None:
        return there  # an object that is kept as it is
    with _folder(folder) as scratch:
        convert(source.path, reader_of(source.path).parts(source.path), scratch, source.checksum, kind, size, fit, channels)
    there = _found(folder, source)
    assert there is not None
    return there


def kept_object(thing: object) -> Path:
    """Return the folder of the cache that holds an object's examples as they are: an array, a Dataset, a DataLoader, a table.

    Args:
        thing: Anything that one of the readers takes.

    Raises:
        DataUnavailable: No reader takes it.
        DataDamaged: Its examples cannot be used.
    """
    parts = reader_of(thing).parts(thing)
    with tempfile.TemporaryDirectory(dir=_made(cache()), prefix=".object-") as place:
        scratch = Path(place) / "kept"
        scratch.mkdir()
        convert(f"the {type(thing).__name__}", parts, scratch, "", None, 0, "resize", 0)
        target = cache() / f"object-{checksum(scratch)}"
        with contextlib.suppress(OSError):  # of another process, or a former call with the same content
            scratch.rename(target)
    return target


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    """Make a folder that appears as a whole, or not at all."""
    scratch = Path(tempfile.mkdtemp(dir=_made(folder.parent), prefix=".part-"))
    try:
        yield scratch
        if folder.exists() and not (folder / MARK).exists():
            shutil.rmtree(folder)
        with contextlib.suppress(OSError):  # another process was faster
            scratch.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise ArenaError(
            f"the cache folder {folder.parent} cannot hold the data set ({error.strerror}). Fix: make room, or set ARENA_CACHE to another"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _made(folder: Path) -> Path:
    try:
        with contextlib.suppress(FileExistsError):
            make_folder(folder)
    except OSError as error:
        raise ArenaError(f"the cache folder {folder} cannot be made ({error.strerror}). Fix: set ARENA_CACHE to another") from error
    return folder


def _found(folder: Path, source: Source) -> Kept | None:
    """Return what a folder of the cache holds; None if there is none, or if it is incomplete."""
    try:
        mark = json.loads(read_text(folder / MARK))
        counts, shape = tuple(mark["counts"]), tuple(mark["shape"])
        return Kept(folder, source.path.name, mark["kind"], shape, counts, tuple(mark["labels"]), source.checksum)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stem(path: Path) -> str:
    return re.sub(r"[^\w-]+", "-", path.stem)[:40] or "data"
