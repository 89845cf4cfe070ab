"""The checksum of a file or a folder: SHA-256 over the names and contents of its files, begun anew only if one of them has changed.

As in git's index, a file counts as unchanged if its size and its time of change are; the checksum that belongs to them stands in the cache.
"""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from arena.errors import DataDamaged
from arena.trace.reading import opened, read_bytes
from arena.trace.writing import write_whole

SHOWN = 16
"""Digits of a checksum in a setting."""


def cache() -> Path:
    """Return the folder of kept data sets: `$ARENA_CACHE` if set, else `data` in the user's cache folder."""
    named = os.environ.get("ARENA_CACHE")
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_cache_dir("arena")) / "data"


def files_of(source: Path) -> Iterator[Path]:
    """Yield a file, or the files below a folder in the order of their names, without hidden ones; linked folders are left out."""
    if not source.is_dir():
        yield source
        return
    for place, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def checksum(source: Path) -> str:
    """Return the checksum of a file or folder in `SHOWN` hexadecimal digits.

    Raises:
        DataDamaged: A file cannot be read.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.csv"
        >>> file.write_text("1,2")
        3
        >>> checksum(file)
        'c7b1faf8e0074e24'
    """
    try:
        stamp = hashlib.sha256()
        for file in files_of(source):
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise DataDamaged(f"{file} is no regular file. Fix: remove it from the data set")
            stamp.update(f"{_name(file, source)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        note = cache() / "checksums" / hashlib.sha256(os.fsencode(source)).hexdigest()[:SHOWN]
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(read_bytes(note))
            if known["stamp"] == stamp.hexdigest():
                return str(known["checksum"])
        found = _content(source)
    except OSError as error:
        raise DataDamaged(f"{error.filename or source} cannot be read ({error.strerror}). Fix: make it readable, or remove it") from error
    with contextlib.suppress(OSError):  # without a cache, the next run computes it again
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps({"stamp": stamp.hexdigest(), "checksum": found}), shared=True)
    return found


def _content(source: Path) -> str:
    total = hashlib.sha256()
    for file in files_of(source):
        with opened(file) as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
        total.update(f"{_name(file, source)}\0{digest}\n".encode(errors="surrogateescape"))
    return total.hexdigest()[:SHOWN]


def _name(file: Path, source: Path) -> str:
    """Return a file's name within its source; a single file may be renamed."""
    return "" if file == source else file.relative_to(source).as_posix()
