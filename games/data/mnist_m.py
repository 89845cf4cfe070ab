"""MNIST-M: MNIST's digits blended into photographs (Y. Ganin et al., arXiv:1505.07818, section 5.2.4).

By the rule that its published images follow: pad a digit by 2 to 32×32; where it is above 0 a pixel is 255 − background, else it is the
background, which is a random 32×32 crop of a photograph. Both parts take crops of the same photographs: those in `bsds500/train` in one of
the folders of `arena.games.data.images`. Where there are none, backgrounds are smooth coloured noise, with a warning: numbers got on
them cannot be compared with published ones.

    shaded-digits    scikit-learn's 8×8 digits likewise: |background − digit|, on smooth grey backgrounds of up to half the ink
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from arena.errors import ArenaWarning
from arena.games.data.images import Arrays, digits, folders, mnist


def mnist_m() -> Arrays:
    """MNIST-M, 60,000 + 10,000 digits of 32×32 pixels in colour."""
    rng = np.random.default_rng(0)
    photographs = of_folder()
    if not photographs:
        warnings.warn(
            "there are no photographs for mnist-m: its backgrounds are smooth coloured noise; put bsds500/train/*.jpg into one of "
            + " or ".join(map(str, folders())),
            ArenaWarning,
            stacklevel=2,
        )
        photographs = [smooth(rng, 256, 3) for _ in range(200)]
    plain = mnist()
    return {
        "x_train": blended(plain["x_train"], photographs, rng),
        "y_train": plain["y_train"],
        "x_test": blended(plain["x_test"], photographs, rng),
        "y_test": plain["y_test"],
    }


def shaded_digits() -> Arrays:
    """scikit-learn's digits on backgrounds of smooth grey noise."""
    rng, plain = np.random.default_rng(0), digits()
    shaded = {}
    for part in ("train", "test"):
        x = plain[f"x_{part}"].astype(int)
        background = np.stack([smooth(rng, 8, 1, octaves=1)[:, :, 0] for _ in range(len(x))]).astype(int) // 2
        shaded[f"x_{part}"] = np.abs(background - x).astype(np.uint8)
    return shaded | {key: plain[key] for key in ("y_train", "y_test")}


def blended(pixels: np.ndarray, photographs: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Digits on random crops.

    Args:
        pixels: N×28×28.
        photographs: each H×W×3, at least 32×32.
        rng: chooses photograph and place.

    Returns:
        N×32×32×3.

    Example:
        >>> digit, dark = np.zeros((1, 28, 28), np.uint8), np.full((40, 50, 3), 30, np.uint8)
        >>> digit[0, 5, 6] = 1
        >>> found = blended(digit, [dark], np.random.default_rng(0))
        >>> found[0, 7, 8].tolist(), found[0, 0, 0].tolist()
        ([225, 225, 225], [30, 30, 30])
    """
    found = np.empty((len(pixels), 32, 32, 3), np.uint8)
    which = rng.integers(len(photographs), size=len(pixels))
    corner = rng.random((len(pixels), 2))
    for i, (k, (v, u)) in enumerate(zip(which.tolist(), corner.tolist(), strict=True)):
        photograph = photographs[k]
        top, left = int(v * (photograph.shape[0] - 31)), int(u * (photograph.shape[1] - 31))
        found[i] = photograph[top : top + 32, left : left + 32]
    inside = np.pad(pixels, ((0, 0), (2, 2), (2, 2))) > 0
    found[inside] = 255 - found[inside]
    return found


def of_folder() -> list[np.ndarray]:
    """The photographs of `bsds500/train`."""
    from PIL import Image

    for folder in folders():
        if files := sorted(Path(folder, "bsds500", "train").glob("*.jpg")):
            return [np.asarray(Image.open(file).convert("RGB")) for file in files]
    return []


def smooth(rng: np.random.Generator, side: int, channels: int, octaves: int = 3) -> np.ndarray:
    """Coloured noise of several scales, side × side × channels."""
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
