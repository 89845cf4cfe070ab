"""Small data sets for the benchmark of the doctor: GANs on few images, and digits of few classes as a target of adaptation."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arena.games.gan.images import ImageGAN
from arena.players.base import Shape
from arena.players.dann import TwoParts

DATA = Path("build/doctor-data")
FEW_CLASSES = {"ones-and-sevens": (1, 7), "threes-and-eights": (3, 8)}


class FewImages(ImageGAN):
    """A fully connected GAN that is trained on the first few images of a data set.

    Args:
        few: Training images, at least 1.
        settings: Settings of every GAN on images.
    """

    data_set, shape = "digits", (1, 8, 8)

    def __init__(self, *, few: int = 40, **settings: Any):
        super().__init__(**settings)
        self.few = few

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return self._take("x_train", torch.randint(self.few, (n,), generator=rng, device=rng.device))

    def metrics(self) -> dict[str, float | Tensor]:
        return {name: value for name, value in super().metrics().items() if name == "held-out-gap"}  # the others take seconds

    def metric_ceilings(self) -> dict[str, float]:
        return {}


class FewPatches(FewImages):
    """The same on grey 8×8 patches of the photographs that come with scikit-learn."""

    data_set = str(DATA / "patches.npz")


class NormedMLP(TwoParts):
    """A classifier with batch normalisation after each hidden layer, whose widths are `hidden`."""

    def __init__(self, inputs: Shape, outputs: Shape, hidden: tuple[int, ...] = (64, 64)):
        widths = [math.prod(inputs), *hidden]
        layers = [layer for wide, narrow in itertools.pairwise(widths) for layer in _normed(wide, narrow)]
        super().__init__(nn.Sequential(nn.Flatten(), *layers), nn.Linear(widths[-1], outputs[0]))


def _normed(wide: int, narrow: int) -> list[nn.Module]:
    return [nn.Linear(wide, narrow), nn.BatchNorm1d(narrow), nn.ReLU()]


def write_data() -> None:
    """Write the data sets that are cut from those of scikit-learn, once."""
    from sklearn.datasets import load_digits, load_sample_images

    DATA.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    x, y = (digits.images * 255 / 16 * 0.7 + 40).clip(0, 255).astype(np.uint8), digits.target.astype(np.int64)
    for name, classes in FEW_CLASSES.items():
        kept = np.isin(y, classes)
        train, test = kept & (np.arange(len(y)) < 1400), kept & (np.arange(len(y)) >= 1400)
        _write(DATA / f"{name}.npz", x[train], y[train], x[test], y[test])
    grey = [image.mean(2).astype(np.uint8) for image in load_sample_images().images]
    rng = np.random.default_rng(0)
    corners = zip(
        rng.integers(len(grey), size=1500), rng.integers(grey[0].shape[0] - 8, size=1500), rng.integers(620, size=1500), strict=True
    )
    patches = np.stack([grey[i][a : a + 8, b : b + 8] for i, a, b in corners])
    labels = np.arange(len(patches)) % 10  # which an npz needs, and nobody reads
    _write(DATA / "patches.npz", patches[:1000], labels[:1000], patches[1000:], labels[1000:])


def _write(file: Path, x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> None:
    if not file.is_file():
        np.savez(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
