"""Domains: the same classes under different conditions, brought to one form, so that a classifier trained on one applies to the other.

Points (two classes):

    moons            two interleaved half circles
    rotated-moons    the same, rotated about their centre by an angle

Images of the ten digits, as uint8 pixels: see `SOURCES`. Or the path of an npz with `x_train`, `y_train`, `x_test`, `y_test`: pixels
uint8 from 0 to 255, square, (N, H, H) or (N, H, H, 1) if grey, (N, H, H, 3) if RGB; labels are optional for a target.

The classes are the labels of the source. A target may lack some (partial adaptation, Z. Cao et al., arXiv:1808.04205) or have further ones
(open set, P. Panareda Busto and J. Gall, ICCV 2017), whose examples are `UNKNOWN`: they are drawn, but count in no measure of the labels.

Both domains of a pair are brought to one form, with pixels x/255 − ½ in [−½, ½]:

    8x8x1      unchanged                                                  if both are 8×8 grey
    28x28x1    resized to 28×28                                           if both are grey
    32x32x3    resized to 28×28 and padded by 2, or resized to 32×32 if larger; grey repeated over three channels

Stored pixels are resized once, bilinearly with antialiasing. RGB becomes grey as .299 R + .587 G + .114 B.

Shapes: N = examples, C, H, W = channels, height, width of an image.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from arena.errors import BadSetting, UnknownName
from arena.games.data import images
from arena.games.data.digits import svhn, svhn_10k, usps
from arena.games.data.mnist_m import mnist_m, shaded_digits
from arena.games.data.planar import labelled_moons
from arena.games.data.syn_numbers import syn_numbers
from arena.players.base import Shape

POINTS = ("moons", "rotated-moons")
HELD_OUT = 1000
"""Points in a test set."""

FORMS: dict[str, Shape] = {"8x8x1": (1, 8, 8), "28x28x1": (1, 28, 28), "32x32x3": (3, 32, 32)}
"""Forms of images, with their shapes."""

SOURCES: dict[str, Callable[[], images.Arrays]] = {
    "mnist": images.mnist,
    "usps": usps,
    "svhn": svhn,
    "svhn-10k": svhn_10k,
    "mnist-m": mnist_m,
    "syn-numbers": syn_numbers,
    "digits": images.digits,
    "shaded-digits": shaded_digits,
}
"""Loaders of image domains by name."""


@dataclass(frozen=True)
class Domain:
    """Labelled examples of one domain.

    Args:
        name: Name of the domain.
        shape: Shape of one example as players receive it.
        labels: Label set; empty without labels.
        classes: Labels that a classifier has to predict; other labels are `UNKNOWN`.
        form: Form of images, one of `FORMS`; empty for points.
        closed: Whether examples of other labels are left out.
    """

    name: str
    shape: Shape
    labels: tuple[int, ...]
    classes: tuple[int, ...]
    form: str = ""
    closed: bool = False

    @property
    def unknown(self) -> tuple[int, ...]:
        """Labels that are not to be predicted."""
        return tuple(label for label in self.labels if label not in self.classes)

    @property
    def known(self) -> "Domain":
        """The domain without the examples of unknown labels."""
        return replace(self, closed=True) if self.unknown else self

    def draw(
        self,
        n: int,
        rng: torch.Generator,
        angle: float | Tensor = 0.0,
        noise: float | Tensor = 0.1,
        part: str = "train",
        dtype: torch.dtype = torch.float32,
    ) -> tuple[Tensor, Tensor]:
        """Draw n examples of a part (train, or test for held-out images) and their classes, 0 without labels; images with replacement.

        Points have noise of a standard deviation; `angle` is the rotation of rotated points, in degrees; `dtype` that of the examples.
        """
        if not self.form:
            points_N2, labels_N = labelled_moons(n, rng, noise, dtype)
            return (rotate(points_N2, angle) if self.name == "rotated-moons" else points_N2), labels_N
        pixels, labels = _tensors(self, part, rng.device)
        index = torch.randint(len(pixels), (n,), generator=rng, device=rng.device)
        return as_numbers(pixels.index_select(0, index), dtype), labels.index_select(0, index).long()

    def held_out(
        self, angle: float | Tensor = 0.0, noise: float | Tensor = 0.1, at_once: int = 500, dtype: torch.dtype = torch.float32
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the test set, fixed also for points, in parts on the default device."""
        device = torch.empty(0).device
        if not self.form:
            points_N2, labels_N = labelled_moons(HELD_OUT, torch.Generator(device=device).manual_seed(1_000_003), noise, dtype)
            yield (rotate(points_N2, angle) if self.name == "rotated-moons" else points_N2), labels_N
            return
        pixels, labels = _tensors(self, "test", device)
        for pixels_N, labels_N in zip(pixels.split(at_once), labels.split(at_once), strict=True):
            yield as_numbers(pixels_N, dtype), labels_N.long()


def pair(source: str, target: str, form: str = "auto") -> tuple[Domain, Domain]:
    """Return two domains in one form.

    Args:
        source: Name of the labelled domain to learn from.
        target: Name of the domain to adapt to.
        form: Form of images, one of `FORMS`, or auto for the smallest that preserves both.

    Raises:
        UnknownName: A domain or form is unknown.
        BadSetting: The domains are incompatible.
        DataUnavailable: A data set is neither on disk nor downloadable.

    Example:
        >>> [domain.shape for domain in pair("moons", "rotated-moons")]
        [(2,), (2,)]
        >>> pair("moons", "digits")
        Traceback (most recent call last):
        ...
        arena.errors.BadSetting: target is 'digits', but must be moons or rotated-moons, points like the source moons
    """
    for setting, name in (("source", source), ("target", target)):
        if name not in POINTS and name not in SOURCES and not name.endswith(".npz"):
            raise UnknownName(f"{setting}", name, (*POINTS, *SOURCES))
    if form != "auto" and form not in FORMS:
        raise UnknownName("form", form, ("auto", *FORMS))
    if (source in POINTS) != (target in POINTS):
        points = source in POINTS
        names = " or ".join(POINTS) if points else f"one of {', '.join(SOURCES)}"
        raise BadSetting("target", target, f"{names}, {'points' if points else 'images'} like the source {source}")
    if source in POINTS:
        return Domain(source, (2,), (0, 1), (0, 1)), Domain(target, (2,), (0, 1), (0, 1))
    stored = {name: _arrays(name) for name in (source, target)}
    form = _smallest(list(stored.values())) if form == "auto" else form
    classes = images.label_set(stored[source])
    first, second = (Domain(name, FORMS[form], images.label_set(stored[name]), classes, form) for name in (source, target))
    if not first.labels:
        raise without_labels("source", source, "to learn from")
    if second.labels and not set(classes) & set(second.labels):
        here, there = map(listed, (classes, second.labels))
        raise BadSetting("target", target, f"a domain with labels of the source {source}, {here}, not {there}")
    return first, second


def without_labels(setting: str, name: str, why: str) -> BadSetting:
    """Return the error for a domain that lacks required labels."""
    return BadSetting(setting, name, f"a domain with labels ({why}). Fix: add y_train and y_test")


def listed(labels: Sequence[int]) -> str:
    """Return labels as text, at most ten of them.

    Example:
        >>> listed(range(3)), listed(range(300))
        ('0, 1, 2', '0, 1, 2, 3, 4, 5, 6, 7, 8, … (300)')
    """
    return ", ".join(map(str, labels)) if len(labels) <= 10 else f"{', '.join(map(str, labels[:9]))}, … ({len(labels)})"


def rotate(points_N2: Tensor, degrees: float | Tensor) -> Tensor:
    """Rotate points about the origin, anticlockwise.

    Example:
        >>> rotate(torch.tensor([[1.0, 0.0]]), 90.0).round().abs().tolist()
        [[0.0, 1.0]]
    """
    angle = torch.as_tensor(degrees, dtype=points_N2.dtype, device=points_N2.device) * (math.pi / 180)
    cos, sin = angle.cos(), angle.sin()
    x, y = points_N2.unbind(1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], 1)


def as_numbers(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return x/255 − ½."""
    return pixels.to(dtype).div_(255).sub_(0.5)


def bring(pixels: np.ndarray, form: str) -> Tensor:
    """Return stored uint8 pixels, (N, H, W) or (N, H, W, 3), in one of `FORMS`, (N, C, H, W).

    Example:
        >>> white = np.full((2, 16, 16), 255, dtype=np.uint8)
        >>> x = bring(white, "32x32x3")
        >>> x.shape, x[0, 0, 2:30, 2:30].min().item(), x[0, 0, 0].max().item()
        (torch.Size([2, 3, 32, 32]), 255, 0)
    """
    channels, side, _ = FORMS[form]
    x = torch.from_numpy(np.ascontiguousarray(pixels))
    x = x.unsqueeze(1) if x.dim() == 3 else x.permute(0, 3, 1, 2)
    if channels == 1 and x.shape[1] == 3:
        x = _grey(x)
    if side == 32 and max(x.shape[2:]) < 32:
        x = pad(_resized(x, 28), (2, 2, 2, 2))
    x = _resized(x, side)
    return x.expand(-1, channels, -1, -1).contiguous()


def _resized(x: Tensor, side: int) -> Tensor:
    if tuple(x.shape[2:]) == (side, side):
        return x
    parts = [interpolate(p.float(), (side, side), mode="bilinear", antialias=True).round().clamp(0, 255).byte() for p in x.split(4096)]
    return torch.cat(parts)


def _grey(x: Tensor) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    return torch.cat([(p.float() * weights).sum(1, keepdim=True).round().byte() for p in x.split(4096)])


def _smallest(stored: Sequence[images.Arrays]) -> str:
    shapes = {arrays["x_train"].shape[1:] for arrays in stored}
    if any(len(shape) == 3 for shape in shapes):
        return "32x32x3"
    return "8x8x1" if shapes == {(8, 8)} else "28x28x1"


@functools.cache
def _arrays(name: str) -> images.Arrays:
    return SOURCES[name]() if name in SOURCES else of_file(Path(name))


@functools.cache
def _tensors(domain: Domain, part: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the pixels of a part in the domain's form, as uint8, and their classes, as int16, on a device."""
    if domain.closed:
        pixels, classes = _tensors(replace(domain, closed=False), part, device)
        return pixels[classes >= 0], classes[classes >= 0]
    arrays = _arrays(domain.name)
    pixels = bring(arrays[f"x_{part}"], domain.form).to(device)
    of_labels = images.as_classes(arrays[f"y_{part}"], domain.classes) if domain.labels else np.zeros(len(pixels), np.int16)
    return pixels, torch.from_numpy(of_labels).to(device)


def of_file(file: Path) -> images.Arrays:
    """Return the arrays of a custom npz: x_train and x_test, and y_train and y_test if there are labels.

    Grey images lose their channel axis. Raises DataDamaged if the file is not in this format.
    """
    arrays = images.read(file.expanduser(), fix=images.SAVE_AGAIN, needed=("x_train", "x_test"))
    images.check(arrays, str(file), None, square=True)
    return {key: array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array for key, array in arrays.items()}
