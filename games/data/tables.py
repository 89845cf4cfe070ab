"""Tables: rows of numbers, standardised by the mean and the deviation of the training rows.

    iris    150 flowers, four lengths in cm, shipped with scikit-learn (R. A. Fisher, 1936); every sixth is held out

Or a table of one's own, in any format that `arena.data` reads.
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from arena.data import Source, keep


def iris() -> dict[str, np.ndarray]:
    """Return the training and the test rows of iris.

    Example:
        >>> {name: rows.shape for name, rows in iris().items()}
        {'x_train': (125, 4), 'x_test': (25, 4)}
    """
    from sklearn.datasets import load_iris

    rows = load_iris().data
    tested = np.arange(len(rows)) % 6 == 5
    return {"x_train": rows[~tested], "x_test": rows[tested]}


SOURCES: dict[str, Callable[[], dict[str, np.ndarray]]] = {"iris": iris}
"""Loaders of tables by name."""


@functools.cache
def load(text: str, device: torch.device) -> dict[str, Tensor]:
    """Return the rows x_train and x_test, and the mean and the deviation of each column of the training rows, float64 but for the rows.

    Args:
        text: Name of a table, or a path with its checksum, as of `arena.data.Source`.
        device: Device of the tensors.

    Raises:
        DataDamaged: The data hold images, or cannot be read.
    """
    if text in SOURCES:
        arrays = SOURCES[text]()
        mean, deviation = arrays["x_train"].mean(0), arrays["x_train"].std(0)
    else:
        kept = keep(Source.of(text), "rows")
        arrays = kept.arrays()
        mean, deviation = (np.array(numbers) for numbers in kept.moments())
    found = {name: arrays[name] for name in ("x_train", "x_test")} | {"mean": mean, "deviation": deviation}
    return {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in found.items()}
