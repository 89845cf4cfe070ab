"""Where and when a run was played: `environment.json`, a list with an entry for each time that the run was begun or resumed.

The files that a run determines, such as `config.yaml` and `trace.jsonl`, have none of this, so that they are the same bytes everywhere.
"""

import contextlib
import functools
import json
import platform
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from arena.errors import CheckpointUnusable
from arena.trace.writing import write_whole

FILE = "environment.json"
PACKAGES = ("torch", "torchvision", "numpy", "gymnasium", "tensorboard", "matplotlib", "scipy", "scikit-learn", "optuna", "ray")


@contextlib.contextmanager
def recorded(folder: Path, device: torch.device) -> Iterator[None]:
    """Record the environment at the beginning of the block, and its seconds at the end; a damaged file is begun again.

    A resume that is refused because of its checkpoint leaves no record.
    """
    file, before = folder / FILE, list[Any]()
    with contextlib.suppress(OSError, ValueError):
        before = [*json.loads(file.read_text(encoding="utf-8"))]
    now = {"started": datetime.now(UTC).isoformat(timespec="seconds"), **environment(device)}
    _write(file, [*before, now])
    began, refused = time.monotonic(), False
    try:
        yield
    except CheckpointUnusable:
        refused = True
        raise
    finally:
        now["seconds"] = round(time.monotonic() - began, 3)
        _write(file, before if refused else [*before, now])


def environment(device: torch.device) -> dict[str, Any]:
    """Return the version, the commit, the host, the device and the packages.

    Example:
        >>> sorted(environment(torch.device("cpu")))
        ['commit', 'device', 'host', 'packages', 'python', 'version']
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    host = {"host": platform.node(), "device": f"{device} ({name})", "python": platform.python_version()}
    return {"version": _version("two-player-arena"), "commit": _commit(), **host, "packages": _packages()}


@functools.cache
def _packages() -> dict[str, str]:
    there = {name: _version(name) for name in PACKAGES}
    return {name: number for name, number in there.items() if number is not None}


def _version(package: str) -> str | None:
    with contextlib.suppress(PackageNotFoundError):
        return version(package)
    return None


@functools.cache
def _commit() -> str | None:
    """Return the commit of the working tree that this file is in; None if it is in none."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        git = ["git", "-C", str(Path(__file__).parent), "log", "-1", "--format=%H", "--", __file__]
        return subprocess.run(git, capture_output=True, text=True, check=True, timeout=5).stdout.strip() and _head()
    return None


def _head() -> str:
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    return subprocess.run(git, capture_output=True, text=True, check=True, timeout=5).stdout.strip()


def _write(file: Path, entries: list[Any]) -> None:
    write_whole(file, json.dumps(entries, indent=1) + "\n")
