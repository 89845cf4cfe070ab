"""Checkpoints: atomic, checksummed, exact, and loadable with `torch.load(…, weights_only=True)`.

A checkpoint `turn-00001000.pt` stands beside `turn-00001000.pt.sha256` in the format of `sha256sum`. It is written under another name,
flushed to the disk and renamed, so a kill at any moment leaves the old ones whole and never half a new one.
"""

import hashlib
import io
import os
import re
from pathlib import Path
from typing import Any, Literal

import torch

from arena.errors import CheckpointUnusable

FORMAT = 2
"""Version of the checkpoint's layout; a reader refuses others."""

Kind = Literal["turn", "best", "oracle"]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they lie; created when the first is saved.
        keep: how many of the latest to keep, at least 1.

    Example:
        >>> import tempfile
        >>> checkpoints = Checkpoints(Path(tempfile.mkdtemp()), keep=2)
        >>> for turn in (0, 10, 20):
        ...     _ = checkpoints.save({"turn": turn})
        >>> [path.name for path in checkpoints.paths()], checkpoints.load(checkpoints.paths()[-1])["turn"]
        (['turn-00000010.pt', 'turn-00000020.pt'], 20)
    """

    def __init__(self, folder: Path, keep: int = 3):
        self.folder, self.keep = folder, keep

    def save(self, state: dict[str, Any], kind: Kind = "turn") -> Path:
        """Write a state that has its turn under "turn". The oldest beyond `keep` go; of the kinds `best` and `oracle` only the last stays.

        Args:
            state: to be written.
            kind: `turn` for one in a row, `best` for the one of the lowest score, `oracle` where that score may not be chosen by.

        Raises:
            OSError: where the disk is full or read-only; the checkpoints before it are whole.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, **state}, buffer)
        data = buffer.getvalue()
        path = self.folder / f"{kind}-{state['turn']:08d}.pt"
        # The checksum first: a checkpoint without one would be refused, one without a checkpoint is only left over.
        _write(path.with_name(path.name + ".sha256"), f"{hashlib.sha256(data).hexdigest()}  {path.name}\n".encode())
        _write(path, data)
        stale = [p for p in self.paths(kind) if p != path] if kind != "turn" else self.paths()[: -self.keep]
        for old in stale:
            old.unlink()
            old.with_name(old.name + ".sha256").unlink(missing_ok=True)
        return path

    def paths(self, kind: Kind = "turn") -> list[Path]:
        """The kept checkpoints of a kind, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if re.fullmatch(kind + r"-\d{8,}\.pt", p.name))

    def load(self, path: Path) -> dict[str, Any]:
        """A state that `save` wrote.

        Raises:
            CheckpointUnusable: where it is truncated, altered, or of another version of the format.
        """
        others = [p.name for p in self.paths() if p != path]
        mend = f"; delete it to go on from {others[-1]}" if others else "; start the run again under another name"
        try:
            data = path.read_bytes()
            expected = path.with_name(path.name + ".sha256").read_text().split()[0]
        except (OSError, IndexError, UnicodeDecodeError) as error:
            raise CheckpointUnusable(f"the checkpoint {path} has no readable checksum beside it{mend}") from error
        found = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise CheckpointUnusable(
                f"the checkpoint {path} ({len(data):,} bytes) has the checksum {found[:12]}…, but was saved with {expected[:12]}…{mend}"
            )
        try:
            state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        except Exception as error:  # whatever the unpickler says, the file is no checkpoint of ours
            raise CheckpointUnusable(f"the checkpoint {path} cannot be read by torch ({str(error).splitlines()[0]}){mend}") from error
        version = state.get("format") if isinstance(state, dict) else None
        if version != FORMAT:
            raise CheckpointUnusable(
                f"the checkpoint {path} has the format {version}, but this version of arena reads {FORMAT}; use the version that wrote it"
            )
        return state


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
