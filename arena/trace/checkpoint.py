"""Checkpoints: atomic, checksummed, exact, and loadable with `torch.load(…, weights_only=True)`.

A checkpoint `turn-00001000.pt` stands beside `turn-00001000.pt.sha256` in the format of `sha256sum`. It is written under another name,
flushed to the disk and renamed, so that a kill never leaves half a checkpoint.
"""

import hashlib
import io
import re
from pathlib import Path
from typing import Any, Literal

import torch

from arena.errors import ArenaError, CheckpointDamaged, CheckpointUnusable, typed
from arena.trace.damaged import rename_damaged
from arena.trace.reading import MIB, read_bytes, read_text
from arena.trace.writing import folder_in, write_whole

MOST = 65_536 * MIB
"""Largest checkpoint that is read."""
FORMAT = 2
"""Version of the layout; `load` raises for others."""

Kind = Literal["turn", "best", "oracle"]
At = int | str
"""Which checkpoint of a run: `last`, `best`, or a turn."""


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Folder of the checkpoints; created at the first save.
        keep: Number of latest checkpoints to keep, at least 1.

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
        """Write a state and delete the oldest beyond `keep`; of the kinds `best` and `oracle` only the last is kept.

        Args:
            state: The state, with its turn under "turn".
            kind: `turn` for a regular checkpoint, `best` for the lowest score, `oracle` for the lowest score that uses target labels.

        Raises:
            OSError: The disk is full or read-only; earlier checkpoints stay whole.
        """
        folder_in(self.folder.parent, self.folder.name)
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, **state}, buffer)
        data = buffer.getvalue()
        path = self.folder / f"{kind}-{state['turn']:08d}.pt"
        # The checksum first, because a checkpoint without one cannot be loaded.
        write_whole(path.with_name(path.name + ".sha256"), f"{hashlib.sha256(data).hexdigest()}  {path.name}\n")
        write_whole(path, data)
        stale = [p for p in self.paths(kind) if p != path] if kind != "turn" else self.paths()[: -self.keep]
        for old in stale:
            old.unlink()
            old.with_name(old.name + ".sha256").unlink(missing_ok=True)
        return path

    def paths(self, kind: Kind = "turn") -> list[Path]:
        """Return the checkpoints of a kind, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if re.fullmatch(kind + r"-\d{8,}\.pt", p.name))

    def load(self, path: Path) -> dict[str, Any]:
        """Return a saved state.

        Raises:
            CheckpointDamaged: The file is truncated or altered.
            CheckpointUnusable: It has another format.
        """
        try:
            data = read_bytes(path, MOST)
            expected = read_text(path.with_name(path.name + ".sha256"), 4096).split()[0]
        except (OSError, IndexError, UnicodeDecodeError) as error:
            raise CheckpointDamaged(f"the checkpoint {path} has no readable checksum beside it, or cannot be read itself") from error
        checksum = hashlib.sha256(data).hexdigest()
        if checksum != expected:
            raise CheckpointDamaged(
                f"the checkpoint {path} ({len(data):,} bytes) has the checksum {checksum[:12]}…, but was saved with {expected[:12]}…"
            )
        try:
            state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        except Exception as error:  # the unpickler raises errors of many classes
            raise CheckpointDamaged(f"the checkpoint {path} cannot be read by torch ({str(error).splitlines()[0]})") from error
        version = state.get("format") if isinstance(state, dict) else None
        if version != FORMAT:
            raise CheckpointUnusable(
                f"the checkpoint {path} has the format {version}, but this version of arena reads {FORMAT}; use the version that wrote it"
            )
        return state

    def set_aside(self, path: Path) -> None:
        """Rename a checkpoint and its checksum, so that neither is used or overwritten."""
        for file in (path, path.with_name(path.name + ".sha256")):
            if file.exists():
                rename_damaged(file)


def checkpoint_of(folder: Path, at: At) -> Path:
    """Return the checkpoint that `last`, `best` or a turn names."""
    checkpoints = Checkpoints(folder / "checkpoints")
    regular, best = checkpoints.paths(), [*checkpoints.paths("best"), *checkpoints.paths("oracle")]
    if not regular and not best:
        raise ArenaError(f"{folder} has no checkpoint. Fix: arena resume {typed(folder)}, or play it with --checkpoint.every 1000")
    if at == "last":
        return (regular or best)[-1]
    if at == "best":
        if best:
            return best[-1]
        raise ArenaError(f"{folder} kept no checkpoint of its best score. Fix: take the last one, or play it with --checkpoint.best true")
    there = {int(path.stem.rpartition("-")[2]): path for path in [*best, *regular]}
    if str(at).isdigit() and int(at) in there:
        return there[int(at)]
    turns = ", ".join(f"{turn:,}" for turn in sorted(there))
    raise ArenaError(f"{folder} has no checkpoint of turn {str(at)[:20]}. Expected last, best, or one of the turns {turns}")
