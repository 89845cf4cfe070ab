"""Digits from elsewhere than MNIST: envelopes (USPS) and house numbers (SVHN), as published.

They are looked for in the folders of `arena.games.data.images`; what is in none of them is downloaded through torchvision's own class.

    usps        7,291 + 2,007 scanned digits, 16×16 grey
    svhn        73,257 + 26,032 house-number digits in colour, 32×32: train_32x32.mat and test_32x32.mat
    svhn-10k    a small protocol: the first 10,000 digits of SVHN's TEST set, cut into 7,999 + 2,001 where the photograph changes; its
                numbers cannot be compared with published ones
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from arena.errors import DataDamaged, DataUnavailable
from arena.games.data.images import Arrays, folders, read


def usps() -> Arrays:
    """USPS, 7,291 + 2,007 digits of 16×16 grey pixels, 0 to 255."""
    for folder in folders():
        if (file := folder / "usps.npz").is_file():
            return read(file)

    def fetch(folder: Path) -> Arrays:
        from torchvision.datasets import USPS

        train, test = (USPS(str(folder), train=flag, download=True) for flag in (True, False))
        parts = (train.data, train.targets, test.data, test.targets)
        return dict(zip(("x_train", "y_train", "x_test", "y_test"), (np.asarray(a, dtype=np.uint8) for a in parts), strict=True))

    return downloaded("USPS", "usps.npz", fetch)


def svhn() -> Arrays:
    """SVHN, 73,257 + 26,032 digits of 32×32 pixels in colour."""
    for folder in folders():
        for place in (folder, folder / "SVHN", folder / "svhn"):
            if all((place / f"{part}_32x32.mat").is_file() for part in ("train", "test")):
                return of_torchvision(place)

    def fetch(folder: Path) -> Arrays:
        from torchvision.datasets import SVHN

        for part in ("train", "test"):
            SVHN(str(folder), split=part, download=True)
        return of_torchvision(folder)

    return downloaded("SVHN", "train_32x32.mat and test_32x32.mat", fetch)


def svhn_10k() -> Arrays:
    """The small protocol: 7,999 + 2,001 digits, all of SVHN's published test set."""
    for folder in folders():
        if (file := folder / "svhn_10k.npz").is_file():
            return read(file)
    places = " or ".join(str(folder / "svhn_10k.npz") for folder in folders())
    raise DataUnavailable(
        f"the small SVHN is not on this machine: put svhn_10k.npz at {places}, or take the domain svhn, which is downloaded"
    )


def of_torchvision(folder: Path, *, verified: bool = True) -> Arrays:
    """SVHN's two .mat files, read by torchvision's class.

    Args:
        folder: where train_32x32.mat and test_32x32.mat are.
        verified: whether their checksums must be the published ones.

    Raises:
        DataDamaged: where they are not, or cannot be read.
    """
    from torchvision.datasets import SVHN

    class Unverified(SVHN):
        split_list: Any = {part: [url, name, None] for part, (url, name, _) in SVHN.split_list.items()}

    found: Arrays = {}
    for part in ("train", "test"):
        try:
            data: Any = (SVHN if verified else Unverified)(str(folder), split=part)
        except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
            raise DataDamaged(
                f"{folder / f'{part}_32x32.mat'} is not SVHN's as published ({' '.join(str(error).split())[:100]}); download it again"
            ) from error
        found |= {f"x_{part}": np.ascontiguousarray(data.data.transpose(0, 2, 3, 1)), f"y_{part}": data.labels.astype(np.uint8)}
    return found


def of_mat(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a .mat in SVHN's format: X of 32×32×3×N, y in 1 … 10 or 0 … 9, where 10 means the digit 0.

    Raises:
        DataDamaged: for a file that holds something else.
    """
    from scipy.io import loadmat

    try:
        held = loadmat(file)
        x, y = held["X"], held["y"].astype(np.int64).ravel()
    except (ValueError, KeyError, TypeError, OSError, NotImplementedError) as error:
        raise DataDamaged(f"{file} holds no X and y as SVHN's files do ({error}); download it again") from error
    if x.ndim != 4 or x.shape[2] != 3 or x.shape[3] != len(y) or x.dtype != np.uint8 or not ((y >= 0) & (y <= 10)).all():
        raise DataDamaged(f"{file} has X of shape {x.shape} ({x.dtype}) beside {len(y)} labels, but needs H×W×3×N uint8 and N digits")
    return np.ascontiguousarray(x.transpose(3, 0, 1, 2)), (y % 10).astype(np.uint8)


def downloaded(name: str, files: str, fetch: Callable[[Path], Arrays]) -> Arrays:
    """Fetch into the user's cache.

    Raises:
        DataUnavailable: where there is no network, naming the places where files would be found.
    """
    folder = folders()[-1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return fetch(folder)
    except (RuntimeError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(": ")
        places = " or ".join(map(str, folders()))
        raise DataUnavailable(f"{name} is not on this machine and could not be downloaded ({reason}): put {files} into {places}") from error
