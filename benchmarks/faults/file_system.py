"""A file system in memory that replays system calls, and what a power cut leaves of it.

A file's bytes are safe once it is flushed (fsync), and its name once its folder is. What is not safe may be there or not.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

LEFT = ("everything", "flushed bytes", "flushed bytes and zeros", "flushed names")
"""What a power cut leaves: all that was written; of each file the flushed bytes and a part of the others, or zeros in their place, as some
file systems do; only files whose name was flushed, with their flushed bytes and a part of the others."""


@dataclass(eq=False)
class File:
    """A file, or a folder.

    Args:
        data: its bytes.
        safe: those that were flushed.
        names: what a folder holds; None for a file.
        safe_names: what it held when it was flushed.
    """

    data: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    names: "dict[str, File] | None" = None
    safe_names: "dict[str, File]" = field(default_factory=dict)

    def flush(self) -> None:
        if self.names is not None:
            self.safe_names = dict(self.names)
        else:
            self.safe = bytes(self.data)

    def write(self, data: bytes, at: int) -> None:
        self.data.extend(bytes(max(0, at - len(self.data))))
        self.data[at : at + len(data)] = data


class FileSystem:
    """The tree below a folder."""

    def __init__(self) -> None:
        self.root = File(names={})

    def at(self, path: str) -> File | None:
        """Return what has that path; None if nothing has."""
        found: File | None = self.root
        for name in path.split("/") if path else ():
            found = found.names.get(name) if found is not None and found.names is not None else None
        return found

    def folder_of(self, path: str) -> tuple[dict[str, File], str]:
        """Return the names of the folder of a path, and the path's last part."""
        above, _, name = path.rpartition("/")
        folder = self.at(above)
        assert folder is not None and folder.names is not None, path
        return folder.names, name

    def put(self, path: str, file: File) -> File:
        names, name = self.folder_of(path)
        names[name] = file
        return file

    def take(self, path: str) -> File:
        names, name = self.folder_of(path)
        return names.pop(name)

    def after_a_power_cut(self, place: Path, left: str, chance: random.Random) -> None:
        """Write what a power cut leaves, one of `LEFT`, into a folder that exists."""
        _write(self.root, place, left, chance)


def _write(folder: File, place: Path, left: str, chance: random.Random) -> None:
    names = folder.safe_names if left == "flushed names" and folder.safe_names else folder.names
    for name, file in (names or {}).items():
        if file.names is not None:
            (place / name).mkdir()
            _write(file, place / name, left, chance)
        else:
            (place / name).write_bytes(_bytes(file, left, chance))


def _bytes(file: File, left: str, chance: random.Random) -> bytes:
    if left == "everything" or file.data == file.safe:
        return bytes(file.data)
    if file.data[: len(file.safe)] != file.safe:  # it was written anew
        return chance.choice([file.safe, bytes(file.data[: chance.randrange(len(file.data) + 1)])])
    if left == "flushed bytes and zeros":
        return file.safe + bytes(len(file.data) - len(file.safe))
    return bytes(file.data[: chance.randint(len(file.safe), len(file.data))])
