"""An npy file, and in Python: an array or a tensor, a pair (examples, labels), or a dictionary with x_train, y_train, x_test and y_test.

A dictionary may also have x and y alone.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from arena.data.part import AT_ONCE, Block, Part
from arena.errors import DataDamaged


def fits(source: object) -> bool:
    if isinstance(source, Path):
        return source.suffix == ".npy" and source.is_file()
    if isinstance(source, Mapping):
        return bool(source) and all(isinstance(name, str) for name in source) and all(_is_array(array) for array in source.values())
    return _is_array(source) or (isinstance(source, tuple) and len(source) == 2 and _is_array(source[0]))


def parts(source: Any) -> dict[str, Part]:
    if isinstance(source, Path):
        try:
            return {"": part_of(np.load(source, mmap_mode="r", allow_pickle=False), None, str(source))}
        except (OSError, ValueError, EOFError) as error:
            raise DataDamaged(f"{source} is damaged: it is no array of numbers. Fix: save it again with numpy.save") from error
    if isinstance(source, Mapping):
        return parts_of({name: as_array(array) for name, array in source.items()}, "the data")
    if isinstance(source, tuple):
        return {"": part_of(as_array(source[0]), as_array(source[1]), "the data")}
    return {"": part_of(as_array(source), None, "the data")}


def parts_of(arrays: Mapping[str, Any], what: str) -> dict[str, Part]:
    """Return the parts of arrays by name; an array has a length and can be cut.

    Raises:
        DataDamaged: There are no examples, or more than one array that could be them.
    """
    if "x_train" in arrays:
        names = [name for name in ("train", "test") if f"x_{name}" in arrays]
        return {name: part_of(arrays[f"x_{name}"], arrays.get(f"y_{name}"), what) for name in names}
    x = next((arrays[name] for name in ("x", "images", "data") if name in arrays), None)
    if x is None and len(arrays) == 1:
        x = next(iter(arrays.values()))
    if x is None:
        raise DataDamaged(
            f"{what} has {', '.join(arrays) or 'no arrays'}. Expected x_train, y_train, x_test and y_test, or x and y; labels are optional"
        )
    return {"": part_of(x, next((arrays[name] for name in ("y", "labels", "targets") if name in arrays), None), what)}


def part_of(x: Any, y: Any, what: str) -> Part:
    """Return examples, (N, …), and labels, (N,), as a part."""
    if not x.shape:
        raise DataDamaged(f"{what} holds one number. Expected an array of examples, N×H×W, N×H×W×C or N×D")
    if y is not None and tuple(y.shape) not in ((len(x),), (len(x), 1)):
        raise DataDamaged(f"{what} has labels of the shape {tuple(y.shape)} for {len(x):,} examples. Expected one for each")

    def blocks() -> Iterator[Block]:
        for start in range(0, len(x), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            yield np.asarray(x[some]), None if y is None else np.asarray(y[some]).reshape(-1).tolist()

    return Part(len(x), blocks)


def as_array(thing: Any) -> np.ndarray:
    """Return an array or a tensor as an array."""
    return thing.detach().cpu().numpy() if hasattr(thing, "detach") else np.asarray(thing)


def _is_array(thing: object) -> bool:
    return hasattr(thing, "dtype") and hasattr(thing, "shape") and hasattr(thing, "__array__")
