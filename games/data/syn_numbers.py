"""Synthetic numbers: digits rendered in many fonts and random colours, rotated and blurred, among clutter, like house numbers.

The published SynNumbers (synth_train_32x32.mat, synth_test_32x32.mat; Y. Ganin et al., arXiv:1505.07818, section 5.2.4) are read if
present. Otherwise digits are rendered from a fixed seed in the fonts that matplotlib ships. These are similar but not the same, so that
results on them do not compare with published ones. The label is that of the central digit.
"""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from arena.games.data.digits import of_mat
from arena.games.data.images import Arrays, folders

COUNTS = {"train": 10_000, "test": 2_000}
"""Numbers of rendered digits."""

_FONTS = ("DejaVuSans*.ttf", "DejaVuSerif*.ttf", "STIXGeneral*.ttf", "cmr10.ttf", "cmss10.ttf", "cmtt10.ttf", "cmb10.ttf")


def syn_numbers() -> Arrays:
    """Return SynNumbers if present, else 10,000 + 2,000 rendered digits, 32×32 RGB."""
    for folder in folders():
        files = {part: folder / f"synth_{part}_32x32.mat" for part in ("train", "test")}
        if all(file.is_file() for file in files.values()):
            parts = {part: of_mat(file) for part, file in files.items()}
            break
    else:
        parts = {part: rendered(count, np.random.default_rng(seed)) for seed, (part, count) in enumerate(COUNTS.items())}
    return {f"{name}_{part}": parts[part][i] for part in parts for i, name in enumerate("xy")}


def rendered(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Render digits, (count, 32, 32, 3), and return them with their labels, (count,).

    Example:
        >>> x, y = rendered(3, np.random.default_rng(0))
        >>> x.shape, x.dtype, y.shape
        ((3, 32, 32, 3), dtype('uint8'), (3,))
    """
    fonts = _fonts()
    labels = rng.integers(10, size=count).astype(np.uint8)
    return np.stack([_one(int(label), fonts, rng) for label in labels]), labels


def _one(label: int, fonts: list[Path], rng: np.random.Generator) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFilter

    side = 64  # twice the final size, for smooth edges
    paper, ink = _two_colours(rng)
    image = Image.new("RGB", (side, side), paper)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3))):  # clutter: bars of a colour between the two
        mix = rng.random()
        colour = tuple(int(mix * p + (1 - mix) * 0.5 * (p + i)) for p, i in zip(paper, ink, strict=True))
        draw.line([tuple(rng.integers(-16, 80, 2).tolist()) for _ in range(2)], fill=colour, width=int(rng.integers(2, 10)))
    font = _font(str(fonts[int(rng.integers(len(fonts)))]), int(rng.integers(40, 58)))
    mask = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(mask)
    apart = int(rng.integers(26, 36))
    middle = side / 2 + rng.uniform(-4, 4, 2)
    digits = [(label, 0)] + [(int(rng.integers(10)), place) for place in (-1, 1) if rng.random() < 0.5]
    for digit, place in digits:  # neighbours are cropped by the frame
        pen.text((middle[0] + place * apart, middle[1]), str(digit), font=font, fill=255, anchor="mm")
    mask = mask.rotate(rng.uniform(-18, 18), resample=Image.Resampling.BILINEAR)
    image.paste(Image.new("RGB", (side, side), ink), mask=mask)
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 2.2)))).resize((32, 32), Image.Resampling.BOX)
    noisy = np.asarray(image) + rng.normal(0, rng.uniform(0, 10), (32, 32, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _two_colours(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return background and ink of sufficient contrast."""
    while True:
        paper, ink = rng.integers(256, size=3), rng.integers(256, size=3)
        if abs(int((paper - ink) @ (299, 587, 114))) > 45_000:
            return tuple(paper.tolist()), tuple(ink.tolist())


def _fonts() -> list[Path]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(file for pattern in _FONTS for file in folder.glob(pattern) if "Display" not in file.name)


@functools.cache
def _font(path: str, points: int) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(path, points)
