"""Domains: the same classes under different conditions, brought to one form, so that a classifier trained on one applies to the other.

Points (two classes):

    moons            two interleaved half circles
    rotated-moons    the same, rotated about their centre by an angle

Images of the ten digits, as uint8 pixels: see `SOURCES`. Or data of one's own, images or rows of numbers, in any format that `arena.data`
reads; labels are optional for a target. Rows of both domains are standardised by the mean and the deviation of the source's columns.

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

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from arena.data import Kept, Source, Takes, keep
from arena.data.labels import Label
from arena.data.pixels import SeveralSizes
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

TAKES = Takes(names=(*POINTS, *SOURCES))
"""What settings that name domains take."""

Moments = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of the columns of rows."""


@dataclass(frozen=True)
class Domain:
    """Labelled examples of one domain.

    Args:
        name: Name of the domain.
        shape: Shape of one example as players receive it.
        labels: Label set; empty without labels.
        classes: Labels that a classifier has to predict; other labels are `UNKNOWN`.
        form: Form of images, one of `FORMS`; empty for points and rows.
        closed: Whether examples of other labels are left out.
        moments: Mean and deviation by which rows are standardised; None for images and for points that are drawn.
    """

    name: str
    shape: Shape
    labels: tuple[Label, ...]
    classes: tuple[Label, ...]
    form: str = ""
    closed: bool = False
    moments: Moments | None = None

    @property
    def in_plane(self) -> bool:
        """Whether the examples are points of two classes in the plane."""
        return self.shape == (2,) and len(self.classes) == 2

    @property
    def unknown(self) -> tuple[Label, ...]:
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
        if self.name in POINTS:
            points_N2, labels_N = labelled_moons(n, rng, noise, dtype)
            return (rotate(points_N2, angle) if self.name == "rotated-moons" else points_N2), labels_N
        stored, labels = _tensors(self, part, rng.device)
        index = torch.randint(len(stored), (n,), generator=rng, device=rng.device)
        return self._as_numbers(images.take(stored, index), dtype), images.take(labels, index).long()

    def _as_numbers(self, stored: Tensor, dtype: torch.dtype) -> Tensor:
        if self.moments is None:
            return as_numbers(stored, dtype)
        mean, deviation = (torch.tensor(numbers, dtype=torch.float64, device=stored.device) for numbers in self.moments)
        return ((stored - mean) / deviation).to(dtype)

    def held_out(
        self, angle: float | Tensor = 0.0, noise: float | Tensor = 0.1, at_once: int = 500, dtype: torch.dtype = torch.float32
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the test set, fixed also for points, in parts on the default device."""
        device = torch.empty(0).device
        if self.name in POINTS:
            points_N2, labels_N = labelled_moons(HELD_OUT, torch.Generator(device=device).manual_seed(1_000_003), noise, dtype)
            yield (rotate(points_N2, angle) if self.name == "rotated-moons" else points_N2), labels_N
            return
        stored, labels = _tensors(self, "test", device)
        for stored_N, labels_N in zip(stored.split(at_once), labels.split(at_once), strict=True):
            yield self._as_numbers(stored_N.to(device), dtype), labels_N.long().to(device)


def pair(source: str, target: str, form: str = "auto") -> tuple[Domain, Domain]:
    """Return two domains in one form.

    Args:
        source: Name of the labelled domain to learn from, or a path; see `arena.data.Source`.
        target: Name of the domain to adapt to, or a path.
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
    source, target = TAKES.settled("source", source), TAKES.settled("target", target)
    if form != "auto" and form not in FORMS:
        raise UnknownName("form", form, ("auto", *FORMS))
    if (source in POINTS) != (target in POINTS):
        points = source in POINTS
        names = " or ".join(POINTS) if points else f"one of {', '.join(SOURCES)}"
        raise BadSetting("target", called(target), f"{names}, {'points' if points else 'images'} like the source {called(source)}")
    if source in POINTS:
        return Domain(source, (2,), (0, 1), (0, 1)), Domain(target, (2,), (0, 1), (0, 1))
    here, there = (_rows_of(name) for name in (source, target))
    classes = _labels(source)
    if here != there:
        raise BadSetting("target", called(target), f"{_counted(here)} like the source {called(source)}, not {_counted(there)}")
    if here:
        moments = _kept(source).moments()
        first, second = (Domain(name, (here,), _labels(name), classes, moments=moments) for name in (source, target))
    else:
        form = _smallest([_arrays(name) for name in (source, target)]) if form == "auto" else form
        first, second = (Domain(name, FORMS[form], _labels(name), classes, form) for name in (source, target))
    if not first.labels:
        raise without_labels("source", called(source), "to learn from")
    if second.labels and not set(classes) & set(second.labels):
        raise BadSetting(
            "target", called(target), f"a domain with labels of the source {called(source)}, {listed(classes)}, not {listed(second.labels)}"
        )
    return first, second


def called(text: str) -> str:
    """Return the name of a domain for messages: that of a registered one, or the path without its checksum."""
    return text if TAKES.is_name(text) else str(Source.of(text).path)


def _rows_of(name: str) -> int:
    """Return how many numbers a row of a domain has; 0 for images."""
    kept = None if name in SOURCES else _kept(name)
    return kept.shape[0] if kept is not None and kept.kind == "rows" else 0


def _counted(numbers: int) -> str:
    return f"rows of {numbers} numbers" if numbers else "images"


def without_labels(setting: str, name: str, why: str) -> BadSetting:
    """Return the error for a domain that lacks required labels."""
    return BadSetting(
        setting, name, f"a domain with labels ({why}). Fix: add y_train and y_test, a column label, or a folder for each class"
    )


def listed(labels: Sequence[Label]) -> str:
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


def drawable(examples: Tensor) -> Tensor:
    """Return images as they are, and of rows the first two numbers.

    Example:
        >>> drawable(torch.ones(5, 3)).shape, drawable(torch.ones(5, 1)).tolist()[0]
        (torch.Size([5, 2]), [1.0, 0.0])
    """
    return examples if examples.dim() > 2 else pad(examples, (0, 2))[:, :2]


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
    if name in SOURCES:
        return SOURCES[name]()
    return {key: array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array for key, array in _kept(name).arrays().items()}


@functools.cache
def _kept(text: str) -> Kept:
    """Return data of one's own, as they are stored; images of several sizes are resized to 32×32."""
    source = Source.of(text)
    try:
        return keep(source)
    except SeveralSizes:
        return keep(source, size=32)


@functools.cache
def _labels(name: str) -> tuple[Label, ...]:
    return images.label_set(_arrays(name)) if name in SOURCES else _kept(name).labels


def _classes_of(domain: Domain, part: str) -> np.ndarray:
    """Return the class of each example of a part."""
    codes = _arrays(domain.name)[f"y_{part}"]
    if domain.name in SOURCES:
        return images.as_classes(codes, domain.classes)
    own = images.as_classes(np.arange(len(domain.labels)), [domain.labels.index(c) if c in domain.labels else -1 for c in domain.classes])
    found: np.ndarray = own[codes]
    return found


@functools.cache
def _tensors(domain: Domain, part: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the pixels of a part in the domain's form, as uint8, or its rows, and their classes, on a device."""
    if domain.closed:
        stored, classes = _tensors(replace(domain, closed=False), part, device)
        return stored[classes >= 0], classes[classes >= 0]
    x = _arrays(domain.name)[f"x_{part}"]
    stored = bring(x, domain.form).to(device) if domain.form else torch.from_numpy(np.ascontiguousarray(x)).to(device)
    of_labels = _classes_of(domain, part) if domain.labels else np.zeros(len(stored), np.int32)
    return stored, torch.from_numpy(of_labels).to(device)
