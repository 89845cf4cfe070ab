"""The judge: a small classifier of a labelled data set, trained once, which classifies generated images.

    x → conv 3×3/2, 16 → ReLU → conv 3×3/2, 32 → ReLU → dense 64 → ReLU (the features) → dense (class logits)

Trained with cross-entropy by Adam (triangular learning rate 0 → 4e-3 → 0, batch 128, 1,500 steps) from a fixed seed. It is cached in
the user's cache folder under a hash of the data, the architecture and the recipe. Its accuracy on the test set is stored and reported
with it, because metrics based on the judge are only as reliable.

Shapes: N = images, C, H, W = channels, height, width, F = features, L = classes.
"""

import contextlib
import functools
import hashlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from arena.core.rng import global_streams
from arena.errors import DataDamaged
from arena.games.data import images
from arena.trace.reading import read_bytes
from arena.trace.writing import write_whole

FEATURES, CHANNELS = 64, (16, 32)
STEPS, BATCH, RATE, SEED = 1500, 128, 4e-3, 0
VERSION = 1
"""Increase if a change of this file changes the trained weights."""


class Classifier(nn.Module):
    """A classifier of images with pixels in [−1, 1].

    Args:
        shape: (C, H, W) of an image.
        classes: L.

    Example:
        >>> classifier = Classifier((1, 8, 8), 10)
        >>> classifier.features(torch.zeros(5, 1, 8, 8)).shape, classifier(torch.zeros(5, 1, 8, 8)).shape
        (torch.Size([5, 64]), torch.Size([5, 10]))
    """

    def __init__(self, shape: tuple[int, int, int], classes: int):
        super().__init__()
        channels, height, width = shape
        first, second = CHANNELS
        flat = second * _halved(_halved(height)) * _halved(_halved(width))
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, first, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.dense, self.last = nn.Linear(flat, FEATURES), nn.Linear(FEATURES, classes)

    def features(self, x_NCHW: Tensor) -> Tensor:
        """Return the inputs of the last layer, (N, F)."""
        return self.dense(self.convolutions(x_NCHW)).relu()

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.last(self.features(x_NCHW))


@dataclass(frozen=True)
class Judge:
    """A trained classifier and its accuracy.

    Args:
        name: Name of the data set.
        classifier: The classifier, in evaluation mode and without gradients.
        accuracy: Accuracy on the test set, in [0, 1].
        shares: Share of each class in the training set, (L,).
        pixel_range: Lowest and highest pixel of the images to classify.
    """

    name: str
    classifier: Classifier
    accuracy: float
    shares: Tensor
    pixel_range: tuple[int, int] = (-1, 1)

    def outputs(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, F) and logits (N, L) of images."""
        low, high = self.pixel_range
        if self.pixel_range != (-1, 1):
            x_NCHW = (x_NCHW - low) * (2 / (high - low)) - 1
        features = self.classifier.features(x_NCHW)
        return features, self.classifier.last(features)


@functools.cache
def judge(name: str | images.Own, device: torch.device, dtype: torch.dtype = torch.float32) -> Judge:
    """Return the judge of a data set: from the cache folder, or trained now in seconds to half a minute.

    Args:
        name: Name or path of a labelled data set, or own images, as for `arena.games.data.images.load`.
        device: Device of the judge.
        dtype: Dtype of the images to classify; training is in float32.

    Raises:
        DataUnavailable: The data set is neither on disk nor downloadable.
    """
    data = images.load(name, torch.device("cpu"))
    file = _file(name, data)
    state = None if file is None else _read(file)
    if state is None:
        print(f"training the judge of {name}, once: {STEPS:,} steps", file=sys.stderr)
        state = train(data)
        if file is not None:
            _write(file, state)
    classifier = _untrained(data)
    classifier.load_state_dict(state["classifier"])
    classifier.to(device, dtype).requires_grad_(False).eval()
    shares = torch.bincount(data["y_train"].long()).double() / len(data["y_train"])
    return Judge(str(name), classifier, float(state["accuracy"]), shares.to(device, dtype))


def train(data: dict[str, Tensor], steps: int | None = None) -> dict[str, Any]:
    """Train a classifier on the arrays of `images.load`, from the fixed seed, for `STEPS` batches by default.

    Returns:
        The classifier's state dict and its accuracy on the test set.
    """
    steps = STEPS if steps is None else steps
    x_train, y_train, x_test, y_test = (data[key] for key in images.KEYS)
    classifier = _untrained(data)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=RATE)
    rng = torch.Generator().manual_seed(SEED)
    order = torch.zeros(0, dtype=torch.long)
    with torch.enable_grad():
        for step in range(steps):
            if len(order) < BATCH:  # each image once per epoch
                order = torch.cat([order, torch.randperm(len(x_train), generator=rng)])
            chosen, order = order[:BATCH], order[BATCH:]
            progress = step / steps
            optimizer.param_groups[0]["lr"] = RATE * min(progress / 0.4, (1 - progress) / 0.6)
            loss = cross_entropy(classifier(pixels(x_train[chosen])), y_train[chosen].long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        guesses = torch.cat([classifier(pixels(part)).argmax(1) for part in x_test.split(1000)])
    accuracy = float((guesses == y_test).double().mean())
    return {"classifier": {n: t.detach() for n, t in classifier.state_dict().items()}, "accuracy": accuracy}


def pixels(x: Tensor) -> Tensor:
    """Return uint8 images, (N, H, W), (N, H, W, 3) or (N, 3, H, W), as (N, C, H, W) with pixels in [−1, 1]."""
    if x.dim() == 3:
        x = x.unsqueeze(1)
    elif x.shape[1] not in (1, 3):
        x = x.permute(0, 3, 1, 2)
    return x.to(torch.float32).div_(127.5).sub_(1)


def _untrained(data: dict[str, Tensor]) -> Classifier:
    channels, height, width = pixels(data["x_train"][:1]).shape[1:]
    with global_streams(seed=SEED):
        return Classifier((channels, height, width), int(data["y_train"].max()) + 1)


def _halved(size: int) -> int:
    return (size + 1) // 2


# The cache ----------------------------------------------------------------------------------------------------------------------


def _file(name: str | images.Own, data: dict[str, Tensor]) -> Path | None:
    """Return the cache file of a judge; None if the cache folder is not writable.

    The name ignores torch's version, which only changes the last digits of the weights.
    """
    content = repr(name) if isinstance(name, images.Own) else images.digest({key: data[key].numpy() for key in images.KEYS})
    recipe = repr((content, FEATURES, CHANNELS, STEPS, BATCH, RATE, SEED, VERSION))
    folder = images.folders()[-1] / "judges"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{Path(str(name)).stem}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.pt"
    return None


def _write(file: Path, state: dict[str, Any]) -> None:
    """Save a checksum and the state, atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    with contextlib.suppress(OSError):  # without a cache, the next run trains again
        write_whole(file, hashlib.sha256(data).digest() + data, shared=True)


def _read(file: Path) -> dict[str, Any] | None:
    """Return a cached judge, or None if there is none; raise DataDamaged if the checksum does not match."""
    try:
        data = read_bytes(file)
    except OSError:
        return None
    if len(data) < 32 or hashlib.sha256(data[32:]).digest() != data[:32]:
        raise DataDamaged(f"{file} is damaged: its content does not match its checksum. Fix: delete it to train the judge again")
    state: dict[str, Any] = torch.load(io.BytesIO(data[32:]), weights_only=True)
    return state
