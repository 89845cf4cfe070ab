"""Convert a data set into arrays, in two passes: one for labels, sizes, ranges and NaN, and one that writes block by block.

The source may therefore be larger than memory. Without a test part every sixth example, drawn with seed 0, is held out.
"""

import contextlib
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from arena.data.labels import Label, classes, label_of, named
from arena.data.part import Block, Part
from arena.data.pixels import Survey, fitted
from arena.errors import DataDamaged
from arena.trace.writing import write_whole

FORMAT = 1
"""Increase if a change of this folder changes the arrays."""
MARK = "arena-data.json"
"""Name of the file that says what a folder holds; written last."""
HELD_OUT = 6
"""One example in so many is held out if the source has no test part, two at least."""
TESTS = ("test", "validation", "val", "valid", "dev")
NAN_NAMED = 5
"""Most rows with NaN that an error names."""

Kind = Literal["images", "rows"]


def convert(
    name: object,
    parts: Mapping[str, Part],
    folder: Path,
    mark: str,
    kind: Kind | None,
    size: int,
    fit: str,
    channels: int,
) -> None:
    """Convert a data set into a folder, and say how in one line."""
    train, test = _two(parts)
    whole = Look(str(name))
    for title, part in {"": train, "test": test}.items():
        if part is not None:
            whole.look(part, title)
    if kind not in (None, whole.kind):
        raise _other_kind(str(name), whole)
    held_out = _drawn(whole.counts[""]) if test is None else np.zeros(whole.counts[""], bool)
    counts = (int((~held_out).sum()), whole.counts["test"] or int(held_out.sum()))
    shape, dtype, change = _conversion(whole, size, fit, channels)
    with contextlib.ExitStack() as stack:
        write = {
            title: stack.enter_context(_writer(folder / f"x_{title}.npy", (count, *shape), dtype))
            for title, count in zip(("train", "test"), counts, strict=True)
        }
        for start, examples, _ in _numbered(train, f"converting {name}"):
            block = change(examples)
            out = held_out[start : start + len(block)]
            write["train"](block[~out])
            write["test"](block[out])
        for _, examples, _ in () if test is None else _numbered(test, f"converting {name}"):
            write["test"](change(examples))
    names = whole.names
    if names:
        y = [classes(whole.labels[title], names) for title in ("", "test")]
        y_train, y_test = (y[0][~held_out], y[0][held_out]) if test is None else y
        np.save(folder / "y_train.npy", y_train)
        np.save(folder / "y_test.npy", y_test)
    found = whole.kind
    notes = whole.survey.notes() if found == "images" else []
    if size and any(sides != (size, size) for sides in whole.survey.sizes):
        notes.append({"resize": "resized", "crop": "resized and cropped", "pad": "resized and padded"}[fit] + f" to {size}×{size}")
    if test is None:
        notes.append(f"{counts[1]:,} held out for testing")
    of = f"{shape[0]} columns" if found == "rows" else "×".join(map(str, shape))
    what = f"{counts[0]:,} + {counts[1]:,} {found}, {of}" + (f", {len(names)} classes" if names else "")
    entry = {
        "format": FORMAT,
        "source": str(name) if mark else "an object",
        "checksum": mark,
        "kind": found,
        "shape": shape,
        "counts": counts,
    }
    write_whole(folder / MARK, json.dumps({**entry, "labels": names, "notes": notes}, indent=1))
    print(f"converted {name} once: {what}{'; ' if notes else ''}{', '.join(notes)}", file=sys.stderr)


def _conversion(whole: "Look", size: int, fit: str, channels: int) -> tuple[tuple[int, ...], np.dtype, Callable[[Any], np.ndarray]]:
    """Return shape and dtype of a converted example, and the function that converts a block."""
    if whole.kind == "rows":
        return whole.row, whole.dtype, lambda examples: np.asarray(examples, whole.dtype).reshape(-1, *whole.row)
    whole.survey.check(whole.name, size)
    channels = channels or (3 if whole.survey.colour else 1)
    sides = (size, size) if size else next(iter(whole.survey.sizes))
    return (*sides, channels), np.dtype(np.uint8), functools.partial(_changed, whole.survey, channels, size, fit, whole.name)


class Look:
    """The first pass over a data set: counts, labels, sizes, ranges, and the rows with NaN.

    Args:
        name: Name of the data set.
    """

    def __init__(self, name: str):
        self.name, self.survey = name, Survey()
        self.counts: dict[str, int] = {"": 0, "test": 0}
        self.labels: dict[str, list[Label]] = {"": [], "test": []}
        self.row: tuple[int, ...] = ()
        self.dtype: np.dtype = np.dtype(np.float32)
        self.is_images: bool | None = None
        self._nan: list[str] = []

    @property
    def kind(self) -> Kind:
        """What the data set holds."""
        return "images" if self.is_images else "rows"

    @property
    def names(self) -> list[Label]:
        """The labels of both parts in ascending order."""
        return named([*self.labels[""], *self.labels["test"]])

    def look(self, part: Part, title: str) -> None:
        """Read a part; `title` is empty for training."""
        lacks = None
        for start, examples, labels in _numbered(part, f"looking at {self.name}"):
            count = len(examples)
            where = f"{self.name}{f' ({title})' if title else ''}"
            for one in [examples] if isinstance(examples, np.ndarray) else examples:
                self._one(one if hasattr(one, "getbands") or one is examples else one[None], start, where)
            if labels is not None:
                self.labels[title] += [label_of(label) for label in labels]
                lacks = lacks or (start if len(labels) != count else None)
            self.counts[title] += count
        if self.labels[title] and (lacks is not None or len(self.labels[title]) != self.counts[title]):
            raise DataDamaged(
                f"{self.name} has {len(self.labels[title]):,} labels for {self.counts[title]:,} examples. Expected one for each"
            )
        if not self.counts[title]:
            raise DataDamaged(f"{self.name} has no examples{f' in its part {title}' if title else ''}. Expected at least two")
        if self._nan:
            more = " and more" if len(self._nan) > NAN_NAMED else ""
            raise DataDamaged(
                f"{self.name} has NaN or infinite numbers in the {title or 'first'} rows {', '.join(self._nan[:NAN_NAMED])}{more}, counted "
                "from 0. Expected finite numbers. Fix: remove these rows, or fill them in"
            )
        if title and bool(self.labels[""]) != bool(self.labels["test"]):
            raise DataDamaged(f"{self.name} has labels in one of its parts only. Fix: give both parts labels, or neither")

    def _one(self, examples: Any, start: int, where: str) -> None:
        is_images = hasattr(examples, "getbands") or examples.ndim > 2
        if self.is_images is None:
            self.is_images = is_images
        if is_images != self.is_images:
            raise DataDamaged(f"{where} has images and rows of numbers. Expected one of them")
        if is_images:
            self.survey.look(examples, where)
            return
        if examples.dtype.kind not in "biuf":
            raise DataDamaged(f"{where} holds {examples.dtype}. Expected numbers")
        rows = examples.reshape(len(examples), -1)
        if self.row and rows.shape[1:] != self.row:
            raise DataDamaged(
                f"row {start} of {where} has {rows.shape[1]} numbers, and others have {self.row[0]}. Expected as many in each"
            )
        self.row = rows.shape[1:]
        self.dtype = (
            np.dtype(np.float32) if examples.dtype in (np.float16, np.float32) and self.dtype == np.float32 else np.dtype(np.float64)
        )
        if len(self._nan) <= NAN_NAMED:
            self._nan += [str(start + int(row)) for row in np.flatnonzero(~np.isfinite(rows.astype(np.float64)).all(1))]


def _two(parts: Mapping[str, Part]) -> tuple[Part, Part | None]:
    """Return the parts for training and for testing, None for a test part that is to be held out."""
    if not parts:
        raise DataDamaged("the data set has no parts. Expected examples")
    test = next((parts[name] for name in TESTS if name in parts), None)
    train = parts.get("train") or parts.get("") or next((part for name, part in parts.items() if name not in TESTS), test)
    assert train is not None
    return train, None if train is test else test


def _drawn(count: int) -> np.ndarray:
    """Return which examples are held out."""
    if count < 3:
        raise DataDamaged(f"there are {count} examples, but two are held out for testing. Expected at least three")
    held_out = np.zeros(count, bool)
    held_out[np.random.default_rng(0).permutation(count)[: max(2, count // HELD_OUT)]] = True
    return held_out


def _changed(survey: Survey, channels: int, size: int, fit: str, name: str, examples: Any) -> np.ndarray:
    if isinstance(examples, np.ndarray):
        return fitted(survey.bytes_of(examples, channels, name), size, fit)
    images = [image if hasattr(image, "getbands") else np.asarray(image)[None] for image in examples]
    where = [str(getattr(image, "arena_name", name)) for image in images]
    return np.concatenate([fitted(survey.bytes_of(i, channels, at), size, fit) for i, at in zip(images, where, strict=True)])


def _numbered(part: Part, title: str) -> Iterator[tuple[int, Any, Sequence[Any] | None]]:
    """Yield the number of each block's first example, its examples and its labels, under a progress bar."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task, start = bar.add_task(title, total=part.count), 0
        block: Block
        for block in part.blocks():
            yield start, *block
            start += len(block[0])
            bar.update(task, completed=start)


@contextlib.contextmanager
def _writer(file: Path, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[Callable[[np.ndarray], None]]:
    """Write an npy file block by block, because a memory-mapped file kills the process if the disk is full."""
    with file.open("wb") as out:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        written = 0

        def write(block: np.ndarray) -> None:
            nonlocal written
            out.write(np.ascontiguousarray(block, dtype).data)
            written += len(block)

        yield write
        out.flush()
        os.fsync(out.fileno())
    if written != shape[0]:
        raise DataDamaged(f"{written:,} examples were read after {shape[0]:,} were counted. Fix: let nothing change the data set meanwhile")


def _other_kind(name: str, look: Look) -> DataDamaged:
    holds = "images" if look.is_images else f"rows of {look.row[0]} numbers"
    fix = "such as table, for rows" if not look.is_images else "such as gan, for images"
    return DataDamaged(f"{name} holds {holds}. Expected {'rows of numbers' if look.is_images else 'images'}. Fix: choose a game, {fix}")
