"""A folder of memory-mapped arrays, as `arena.data.converting` writes it, also for objects that were given in Python."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from arena.data.converting import MARK
from arena.data.part import AT_ONCE, Block, Part
from arena.errors import DataDamaged
from arena.trace.reading import read_text


def fits(source: object) -> bool:
    return isinstance(source, Path) and (source / MARK).is_file()


def parts(source: Path) -> dict[str, Part]:
    try:
        labels: list[Any] = json.loads(read_text(source / MARK))["labels"]
        loaded = {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in sorted(source.glob("[xy]_*.npy"))}
        return {name: _part(loaded[f"x_{name}"], loaded.get(f"y_{name}"), labels) for name in ("train", "test")}
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise DataDamaged(f"{source} is damaged ({error}). Fix: delete it, and give the data again") from error


def _part(x: np.ndarray, y: np.ndarray | None, labels: list[Any]) -> Part:
    def blocks() -> Iterator[Block]:
        for start in range(0, len(x), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            yield x[some], None if y is None else [labels[int(place)] for place in y[some]]

    return Part(len(x), blocks)
