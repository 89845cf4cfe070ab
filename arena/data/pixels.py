"""Images in any form become bytes: grey or RGB from 0 to 255, of one size.

    palette, CMYK, YCbCr     RGB, as Pillow converts them
    transparency             composited over white
    black and white          0 and 255
    16 bit                   x / 257, rounded
    floating point           255 x if all of it is in [0, 1]; 127.5 (x + 1) if in [−1, 1]; x if in [0, 255]; else refused
    channels first           moved last
    mixed grey and colour    grey is repeated over three channels

The range is that of the whole data set, so that it is surveyed before it is converted.

Shapes: N = images, H, W, C = height, width, channels.
"""

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate, pad

from arena.errors import DataDamaged, cause
from arena.trace.reading import MIB, read_bytes

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Formats of image files; Pillow reads others as well, for some of which it starts a program."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
FITS = ("resize", "crop", "pad")
FAINT = 16
"""Largest pixel that indicates another range than 0 to 255."""
_RANGES: list[tuple[float, float, str, Callable[[np.ndarray], np.ndarray]]] = [
    (0, 1, "255 x from [0, 1]", lambda x: 255 * x),
    (-1, 1, "127.5 (x + 1) from [−1, 1]", lambda x: 127.5 * (x + 1)),
    (0, 255, "rounded", lambda x: x),
]
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


def decoded(content: bytes | Path, what: str) -> Any:
    """Return an image file as a PIL image; its pixels are decoded when they are used.

    Raises:
        DataDamaged: It is no image in one of `FORMATS`.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        data = read_bytes(content, 1024 * MIB) if isinstance(content, Path) else content
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise DataDamaged(f"{what} is no image in one of the formats {', '.join(FORMATS)}. Fix: remove it or save it again") from error
    except Exception as error:  # decoders of damaged files raise errors of many classes
        raise damaged(what, error) from error


def damaged(what: object, error: Exception) -> DataDamaged:
    """Return the error for an image that cannot be decoded."""
    return DataDamaged(f"{what} is damaged ({cause(error)[:120]}). Fix: remove it or save it again")


class SeveralSizes(DataDamaged):
    """Images of several sizes where one is needed."""


@dataclass
class Survey:
    """What is known of a data set's images before they are converted.

    Attributes:
        sizes: Numbers of images by (height, width).
        modes: Numbers of images by form, such as "palette".
        colour: Whether an image has colours.
        low, high: Range of the pixels in floating point or whole numbers of more than a byte.
        brightest: Largest byte of arrays; −1 without any.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    colour: bool = False
    low: float = float("inf")
    high: float = float("-inf")
    brightest: int = -1

    def look(self, image: Any, what: str) -> None:
        """Take an image, or an array of some, (N, …), into account.

        Raises:
            DataDamaged: It has another shape than images have, or holds NaN.
        """
        if hasattr(image, "getbands"):
            self.sizes[image.height, image.width] += 1
            self._mode(image)
            return
        x_NHWC = _channels_last(image, what)
        count, height, width, channels = x_NHWC.shape
        self.sizes[height, width] += count
        self.colour |= channels > 2
        if x_NHWC.shape != image.shape and image.ndim == 4:
            self.modes["channels first, moved last"] += count
        if channels in (2, 4):
            self.modes["transparency over white"] += count
        if image.dtype == np.uint8:
            self.brightest = max(self.brightest, int(image.max(initial=0)))
            return
        low, high = float(image.min()), float(image.max())
        if not np.isfinite(low + high):
            place = int(np.flatnonzero(~np.isfinite(image.reshape(count, -1)).all(1))[0])
            raise DataDamaged(f"{what} holds NaN or infinite pixels, first in image {place} of them. Fix: remove it")
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.modes["black and white" if image.dtype == bool else f"{image.dtype}"] += count

    def _mode(self, image: Any) -> None:
        mode = image.mode
        transparent = mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info
        grey = mode in ("1", "L", "LA", "La", "I", "F", *_SIXTEEN_BITS) or _grey_palette(image)
        self.colour |= not grey
        if mode in _SIXTEEN_BITS:
            self.modes["uint16"] += 1
            self.low, self.high = min(self.low, 0), max(self.high, 65535)
        elif mode in ("I", "F"):
            try:
                extremes = image.getextrema()
            except Exception as error:  # decoders of damaged files raise errors of many classes
                raise damaged(getattr(image, "arena_name", "an image"), error) from error
            self.low, self.high = min(self.low, extremes[0]), max(self.high, extremes[1])
            self.modes["int32" if mode == "I" else "float32"] += 1
        elif mode == "1":
            self.modes["black and white"] += 1
        elif mode not in ("L", "LA", "RGB", "RGBA"):
            self.modes[("palette as grey" if grey else "palette as RGB") if mode == "P" else f"{mode} as RGB"] += 1
        if transparent:
            self.modes["transparency over white"] += 1

    def notes(self) -> list[str]:
        """Return how the images are converted, in a few words each."""
        found = []
        for mode, count in sorted(self.modes.items()):
            how = f" as {self._scaling()[0]}" if mode[-1:].isdigit() else ""
            found.append(f"{mode}{how} ({count:,})")
        return found

    def _scaling(self) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
        """Return how numbers of more than a byte become bytes."""
        if any(mode in self.modes for mode in ("uint16",)) or self.high > 255:
            return "x/257", lambda x: x / 257
        for low, high, name, scale in _RANGES:
            if low <= self.low and self.high <= high and (high < 255 or self.high > FAINT or self._whole()):
                return name, scale
        return "", lambda x: x

    def _whole(self) -> bool:
        return not any(mode.startswith(("float", "bfloat")) for mode in self.modes)

    def check(self, what: str, size: int) -> None:
        """Raise DataDamaged if the pixels have no known range, or the sizes differ and none is asked for."""
        if self.low <= self.high and (not self._scaling()[0] or self.low < -1 or self.high > 65535):
            raise DataDamaged(
                f"{what} has pixels from {self.low:g} to {self.high:g}. Expected bytes, 16 bit, or floating point in [0, 1], [−1, 1] or "
                "[0, 255]. Fix: undo the normalisation"
            )
        if 0 <= self.brightest <= FAINT:
            raise DataDamaged(
                f"{what} holds bytes from 0 to {self.brightest}, which are nearly black. Expected 0 to 255. "
                f"Fix: multiply them by {255 // max(1, self.brightest)}"
            )
        if not size and len(self.sizes) > 1:
            (first, _), (second, _) = self.sizes.most_common(2)
            raise SeveralSizes(
                f"{what} has images of {len(self.sizes)} sizes, such as {first[0]}×{first[1]} and {second[0]}×{second[1]}. "
                "Expected one size. Fix: --size 32, with --fit crop or pad to keep the ratio of the sides"
            )

    def bytes_of(self, image: Any, channels: int, what: str) -> np.ndarray:
        """Return an image, or an array of some, as bytes of that many channels, (N, H, W, C); `what` names it in errors."""
        if hasattr(image, "getbands"):
            try:
                x_NHWC = self._of_pil(image)[None]
            except Exception as error:  # decoders of damaged files raise errors of many classes
                raise damaged(what, error) from error
        else:
            x_NHWC = self._in_bytes(_channels_last(image, what))
        if x_NHWC.shape[3] in (2, 4):
            alpha = x_NHWC[..., -1:].astype(np.uint16)
            x_NHWC = ((x_NHWC[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
        if x_NHWC.shape[3] == channels:
            return x_NHWC
        if channels == 3:
            return np.repeat(x_NHWC, 3, 3)
        return np.round(x_NHWC @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]

    def _of_pil(self, image: Any) -> np.ndarray:
        if image.mode in ("I", "F", *_SIXTEEN_BITS):
            return self._in_bytes(np.asarray(image)[..., None])
        if image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info:
            image = image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")
        elif image.mode not in ("L", "RGB"):
            image = image.convert("L" if image.mode == "1" else "RGB")
        x = np.asarray(image)
        return x if x.ndim == 3 else x[..., None]

    def _in_bytes(self, x: np.ndarray) -> np.ndarray:
        if x.dtype == np.uint8:
            return x
        if x.dtype == bool:
            return x.astype(np.uint8) * np.uint8(255)
        scaled = self._scaling()[1](x.astype(np.float64))
        return np.round(scaled).clip(0, 255).astype(np.uint8)


def fitted(x_NHWC: np.ndarray, size: int, fit: str) -> np.ndarray:
    """Return images as squares of a size, bilinearly with antialiasing; 0 keeps theirs.

    Args:
        x_NHWC: Bytes.
        size: Side, in pixels.
        fit: resize stretches both sides, crop cuts the longer side's ends off, pad adds black to the shorter side's.

    Example:
        >>> white = np.full((1, 10, 20, 1), 255, np.uint8)
        >>> [float(fitted(white, 8, fit).mean()) for fit in FITS]
        [255.0, 255.0, 127.5]
    """
    height, width = x_NHWC.shape[1:3]
    if not size or (height, width) == (size, size):
        return x_NHWC
    scale = {"resize": None, "crop": size / min(height, width), "pad": size / max(height, width)}[fit]
    sides = (size, size) if scale is None else (max(1, round(height * scale)), max(1, round(width * scale)))
    x = torch.from_numpy(np.array(x_NHWC)).permute(0, 3, 1, 2).float()
    x = interpolate(x, sides, mode="bilinear", antialias=True).round().clamp(0, 255).byte()
    top, left = ((size - side) // 2 for side in sides)
    bottom, right = size - sides[0] - top, size - sides[1] - left
    if fit == "crop":
        top, left = -top, -left
        x = x[:, :, top : top + size, left : left + size]
    elif fit == "pad":
        x = pad(x, (left, right, top, bottom))
    return x.permute(0, 2, 3, 1).numpy()


def _grey_palette(image: Any) -> bool:
    """Return whether an image has a palette of greys alone."""
    if image.mode != "P":
        return False
    reds, greens, blues = (image.getpalette("RGB")[place::3] for place in range(3))
    return bool(reds == greens == blues)


def _channels_last(x: np.ndarray, what: str) -> np.ndarray:
    """Return images (N, H, W), (N, H, W, C) or (N, C, H, W) as (N, H, W, C) with 1 to 4 channels."""
    if x.ndim == 3:
        return x[..., None]
    if x.ndim == 4 and x.shape[3] in (1, 2, 3, 4):
        return x
    if x.ndim == 4 and x.shape[1] in (1, 2, 3, 4):
        return np.moveaxis(x, 1, 3)
    raise DataDamaged(f"{what} has the shape {tuple(x.shape[1:])}. Expected H×W, or H×W×C or C×H×W with 1 to 4 channels")
