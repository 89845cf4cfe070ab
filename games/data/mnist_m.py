"""MNIST-M: MNIST digits blended into photographs (Y. Ganin et al., arXiv:1505.07818, section 5.2.4).

As in the published images, a digit is padded by 2 to 32×32 on a random crop of a photograph; pixels of the digit are 255 − background.
Training and test digits share the photographs `bsds500/train` in a folder of `arena.games.data.images`. If there are none, backgrounds
are smooth coloured noise, with a warning, and results do not compare with published ones.

    shaded-digits    scikit-learn's 8×8 digits, |background − digit| on smooth grey backgrounds of up to half the ink
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from arena.errors import ArenaWarning
from arena.games.data.images import Arrays, digits, folders, mnist, places


def mnist_m() -> Arrays:
    """Return MNIST-M, 60,000 + 10,000 digits, 32×32 RGB."""
    rng = np.random.default_rng(0)
    photographs = of_folder()
    if not photographs:
        warnings.warn(
            f"mnist-m has no photographs, so its backgrounds are smooth coloured noise. Fix: put bsds500/train/*.jpg into {places()}",
            ArenaWarning,
            stacklevel=2,
        )
        photographs = [smooth(rng, 256, 3) for _ in range(200)]
    plain = mnist()
    return plain | {key: blended(plain[key], photographs, rng) for key in ("x_train", "x_test")}


def shaded_digits() -> Arrays:
    """Return scikit-learn's digits on smooth grey backgrounds."""
    rng, arrays = np.random.default_rng(0), digits()
    for key in ("x_train", "x_test"):
        x = arrays[key].astype(int)
        background = np.stack([smooth(rng, 8, 1, octaves=1)[:, :, 0] for _ in range(len(x))]).astype(int) // 2
        arrays[key] = np.abs(background - x).astype(np.uint8)
    return arrays


def blended(pixels: np.ndarray, photographs: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Blend digits (N, 28, 28) into random crops of photographs (H, W, 3), at least 32×32, and return images (N, 32, 32, 3).

    Example:
        >>> digit, dark = np.zeros((1, 28, 28), np.uint8), np.full((40, 50, 3), 30, np.uint8)
        >>> digit[0, 5, 6] = 1
        >>> image = blended(digit, [dark], np.random.default_rng(0))
        >>> image[0, 7, 8].tolist(), image[0, 0, 0].tolist()
        ([225, 225, 225], [30, 30, 30])
    """
    image = np.empty((len(pixels), 32, 32, 3), np.uint8)
    which = rng.integers(len(photographs), size=len(pixels))
    corner = rng.random((len(pixels), 2))
    for i, (k, (v, u)) in enumerate(zip(which.tolist(), corner.tolist(), strict=True)):
        photograph = photographs[k]
        top, left = int(v * (photograph.shape[0] - 31)), int(u * (photograph.shape[1] - 31))
        image[i] = photograph[top : top + 32, left : left + 32]
    inside = np.pad(pixels, ((0, 0), (2, 2), (2, 2))) > 0
    image[inside] = 255 - image[inside]
    return image


def of_folder() -> list[np.ndarray]:
    """Return the photographs of `bsds500/train`."""
    from PIL import Image

    for folder in folders():
        if files := sorted(Path(folder, "bsds500", "train").glob("*.jpg")):
            return [np.asarray(Image.open(file).convert("RGB")) for file in files]
    return []


def smooth(rng: np.random.Generator, side: int, channels: int, octaves: int = 3) -> np.ndarray:
    """Return coloured noise of several scales, (side, side, channels)."""
    total = np.zeros((side, side, channels))
    for octave in range(octaves):
        coarse = rng.standard_normal((2 + 2 * octave**2, 2 + 2 * octave**2, channels)) / (1 + octave)
        at = np.linspace(0, len(coarse) - 1, side)
        low = np.minimum(at.astype(int), len(coarse) - 2)
        share = (at - low)[:, None, None]
        rows = coarse[low] * (1 - share) + coarse[low + 1] * share
        across = share.transpose(1, 0, 2)
        total += rows[:, low] * (1 - across) + rows[:, low + 1] * across
    return np.clip(127.5 + 70 * total, 0, 255).astype(np.uint8)
