"""Published image data sets, each converted once to one uint8 npz (x_train, y_train, x_test, y_test) and verified by its content.

They are looked for in the folder named by the environment variable `ARENA_DATA` (which may be read-only), else in the user's cache
folder; what is in neither is downloaded through torchvision's own class, with its progress bar.
"""

import functools
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arena.errors import DataDamaged, DataUnavailable

Arrays = dict[str, np.ndarray]
KEYS = ("x_train", "y_train", "x_test", "y_test")

CONTENT = {"mnist": "25c98f992c005963b7428e1f38418b233c9b286cc403519287eb8063f0bcfe07"}
"""SHA-256 over the four arrays of each published data set, in the order of `KEYS`."""


def folders() -> tuple[Path, ...]:
    """Where data sets are looked for: `$ARENA_DATA` if it is set, then the user's cache folder."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("arena"))
    named = os.environ.get("ARENA_DATA")
    return (Path(named).expanduser(), cache) if named else (cache,)


@functools.cache
def load(name: str, device: torch.device) -> dict[str, Tensor]:
    """A data set as uint8 tensors on a device, loaded once per process.

    Args:
        name: `mnist` or `digits`.
        device: where the tensors live.

    Raises:
        DataUnavailable: where there is neither a file nor a network.
        DataDamaged: where the file's content is not what was published.
    """
    arrays = SOURCES[name]()
    return {key: torch.from_numpy(np.ascontiguousarray(arrays[key])).to(device) for key in KEYS}


def first_there(*names: str) -> str:
    """The first of some data sets that is on this machine, so that it need not be downloaded; the last where none is.

    Example:
        >>> first_there("digits")
        'digits'
    """
    here = lambda name: any((folder / f"{name}.npz").is_file() for folder in folders())  # noqa: E731
    return next((name for name in names[:-1] if here(name)), names[-1])


def digits() -> Arrays:
    """The 1,797 handwritten digits of 8×8 pixels that scikit-learn ships; the last 297 are the test set.

    Example:
        >>> digits()["x_train"].shape, int(digits()["x_test"].max())
        ((1500, 8, 8), 255)
    """
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    x = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    y = bunch.target.astype(np.uint8)
    return {"x_train": x[:1500], "y_train": y[:1500], "x_test": x[1500:], "y_test": y[1500:]}


def mnist() -> Arrays:
    """MNIST, 60,000 + 10,000 handwritten digits of 28×28 pixels."""
    for folder in folders():
        if (file := folder / "mnist.npz").is_file():
            return read(file, CONTENT["mnist"])
    return _convert("mnist", _torchvision_mnist)


def read(file: Path, content: str | None = None) -> Arrays:
    """The four arrays of an npz.

    Args:
        file: the npz.
        content: the SHA-256 that `digest` of it must be.

    Raises:
        DataDamaged: naming the file.
    """
    mend = f"delete it, or put a sound copy at {file}"
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            missing = [key for key in KEYS if key not in archive.files]
            if missing:
                raise DataDamaged(f"{file} has no {' and no '.join(missing)}, but must hold {', '.join(KEYS)}; {mend}")
            arrays = {key: archive[key] for key in KEYS}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise DataDamaged(f"{file} is damaged ({error}); {mend}") from error
    if content is not None and (found := digest(arrays)) != content:
        raise DataDamaged(f"{file} is damaged: its content has the checksum {found[:12]}…, but the published data {content[:12]}…; {mend}")
    return arrays


def digest(arrays: Arrays) -> str:
    """SHA-256 over shapes and bytes of the four arrays as uint8, whatever file they came from."""
    total = hashlib.sha256()
    for key in KEYS:
        array = np.ascontiguousarray(arrays[key], dtype=np.uint8)
        total.update(repr(array.shape).encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _convert(name: str, fetch: Callable[[Path], Arrays]) -> Arrays:
    """Fetch a data set, and keep it as one npz in the first folder that can be written to."""
    target = next((f for f in folders() if _writable(f)), None)
    with tempfile.TemporaryDirectory() as scratch:
        arrays = fetch(Path(scratch))
    if digest(arrays) != CONTENT[name]:
        raise DataDamaged(f"the {name} that was downloaded is not the published data set; try again, or put a sound {name}.npz into place")
    if target is not None:
        handle, path = tempfile.mkstemp(dir=target, suffix=".npz.part")
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(path, target / f"{name}.npz")
    return arrays


def _torchvision_mnist(scratch: Path) -> Arrays:
    from torchvision.datasets import MNIST

    for folder in folders():  # raw files that are there already only need extracting
        if (raw := folder / "MNIST" / "raw").is_dir():
            shutil.copytree(raw, scratch / "MNIST" / "raw")
            break
    try:
        train, test = (MNIST(str(scratch), train=flag, download=True) for flag in (True, False))
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(": ")
        places = " or ".join(str(folder / "mnist.npz") for folder in folders())
        raise DataUnavailable(
            f"MNIST is not on this machine and could not be downloaded ({reason}): put mnist.npz at {places}, "
            "or play 'digits', which needs no download"
        ) from error
    return {
        "x_train": train.data.numpy(),
        "y_train": train.targets.numpy().astype(np.uint8),
        "x_test": test.data.numpy(),
        "y_test": test.targets.numpy().astype(np.uint8),
    }


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


SOURCES: dict[str, Callable[[], Arrays]] = {"mnist": mnist, "digits": digits}
