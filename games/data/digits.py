"""Digits of envelopes (USPS) and house numbers (SVHN), as published.

Files are searched in the folders of `arena.games.data.images`; missing ones are downloaded by torchvision.

    usps        7,291 + 2,007 scanned digits, 16×16 grey
    svhn        73,257 + 26,032 house-number digits, 32×32 RGB: train_32x32.mat and test_32x32.mat
    svhn-10k    a small protocol: the first 10,000 digits of SVHN's TEST set, split into 7,999 + 2,001 between two photographs; results
                on it do not compare with published ones
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from arena.errors import DataDamaged, DataUnavailable
from arena.games.data.images import Arrays, arrays_of, downloading, folders, local, places, read


def usps() -> Arrays:
    """Return USPS, 7,291 + 2,007 digits, 16×16 grey, 0 to 255."""
    if (file := local("usps.npz")) is not None:
        return read(file)

    def fetch(folder: Path) -> Arrays:
        from torchvision.datasets import USPS

        train, test = (USPS(str(folder), train=flag, download=True) for flag in (True, False))
        return arrays_of(train, test)

    return downloaded("USPS", "usps.npz", fetch)


def svhn() -> Arrays:
    """Return SVHN, 73,257 + 26,032 digits, 32×32 RGB."""
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
    """Return the small protocol: 7,999 + 2,001 digits of SVHN's published test set; raise DataUnavailable without svhn_10k.npz."""
    if (file := local("svhn_10k.npz")) is not None:
        return read(file)
    raise DataUnavailable(
        f"svhn_10k.npz is not on this machine. Fix: put it at {places('svhn_10k.npz')}, or use the domain svhn, which is downloaded"
    )


def of_torchvision(folder: Path, *, verified: bool = True) -> Arrays:
    """Read SVHN's train_32x32.mat and test_32x32.mat by torchvision's class.

    Raises DataDamaged if a file is unreadable or, if `verified`, its checksum is not the published one.
    """
    from torchvision.datasets import SVHN

    class Unverified(SVHN):
        split_list: Any = {part: [url, name, None] for part, (url, name, _) in SVHN.split_list.items()}

    arrays: Arrays = {}
    for part in ("train", "test"):
        try:
            data: Any = (SVHN if verified else Unverified)(str(folder), split=part)
        except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
            raise DataDamaged(
                f"{folder / f'{part}_32x32.mat'} is not the published SVHN ({' '.join(str(error).split())[:100]}). Fix: download it again"
            ) from error
        arrays |= {f"x_{part}": np.ascontiguousarray(data.data.transpose(0, 2, 3, 1)), f"y_{part}": data.labels.astype(np.uint8)}
    return arrays


def of_mat(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, H, W, 3) and labels (N,) of a .mat in SVHN's format: X is (H, W, 3, N), y is in 1 … 10 or 0 … 9, and 10 means 0.

    Raises DataDamaged if the file has other contents.
    """
    from scipy.io import loadmat

    try:
        contents = loadmat(file)
        x, y = contents["X"], contents["y"].astype(np.int64).ravel()
    except (ValueError, KeyError, TypeError, OSError, NotImplementedError) as error:
        raise DataDamaged(f"{file} has no X and y in SVHN's format ({error}). Fix: download it again") from error
    if x.ndim != 4 or x.shape[2] != 3 or x.shape[3] != len(y) or x.dtype != np.uint8 or not ((y >= 0) & (y <= 10)).all():
        raise DataDamaged(f"{file} has X of shape {x.shape} ({x.dtype}) and {len(y)} labels, but must have H×W×3×N uint8 and N digits")
    return np.ascontiguousarray(x.transpose(3, 0, 1, 2)), (y % 10).astype(np.uint8)


def downloaded(name: str, files: str, fetch: Callable[[Path], Arrays]) -> Arrays:
    """Download a data set into the user's cache folder; raise DataUnavailable if that fails."""
    folder = folders()[-1]
    with downloading(name, f"put {files} into {places()}"):
        folder.mkdir(parents=True, exist_ok=True)
        return fetch(folder)
