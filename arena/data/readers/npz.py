"""An npz file with x_train, y_train, x_test and y_test, or with x and y, or with one array. Labels are optional; pickles are refused."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from arena.data.part import Part
from arena.data.readers.arrays import parts_of
from arena.errors import DataDamaged
from arena.trace.reading import opened

FIX = "Fix: save it again with numpy.savez"


def fits(source: object) -> bool:
    return isinstance(source, Path) and source.suffix == ".npz" and source.is_file()


def parts(source: Path) -> dict[str, Part]:
    try:
        with opened(source) as file, zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataDamaged(f"{source} is damaged: it is not an npz of numeric arrays. {FIX}") from error
    return parts_of({name: Member(source, name) for name in names}, str(source))


class Member:
    """An array of an npz that is read from its beginning to its end, block by block.

    Args:
        file: The npz.
        name: Name of the array.

    Raises:
        DataDamaged: It is no array of numbers or words.
    """

    def __init__(self, file: Path, name: str):
        self.file, self.name = file, name
        self._open_files: list[Any] = []
        self._at = 0
        self.shape, self._fortran, self.dtype = self._safely(self._open)
        self.close()

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, some: slice) -> np.ndarray:
        return self._safely(lambda: self._read(some))

    def close(self) -> None:
        """Close the file; the next block opens it again."""
        while self._open_files:
            self._open_files.pop().close()

    __del__ = close

    def _read(self, some: slice) -> np.ndarray:
        if self._fortran:
            with np.load(self.file, allow_pickle=False) as archive:
                found: np.ndarray = archive[self.name][some]
                return found
        start, stop, _ = some.indices(len(self))
        if not self._open_files or start != self._at:
            self._open()
            self._skip(start)
        stream = self._open_files[-1]
        count = max(0, stop - start)
        row = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        data = stream.read(count * row)
        if len(data) != count * row:
            raise ValueError("it is truncated")
        self._at = stop
        if stop == len(self):
            stream.read(1)  # so that the archive's checksum of the whole array is compared
            self.close()
        return np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])

    def _skip(self, rows: int) -> None:
        row = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        left = rows * row
        while left:
            left -= len(self._open_files[-1].read(min(left, 2**20))) or left
        self._at = rows

    def _open(self) -> tuple[tuple[int, ...], bool, np.dtype]:
        self.close()
        self._open_files.append(opened(self.file))
        self._open_files.append(zipfile.ZipFile(self._open_files[0]))
        self._open_files.append(self._open_files[1].open(f"{self.name}.npy"))
        self._at = 0
        version = np.lib.format.read_magic(self._open_files[-1])
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(self._open_files[-1])
        if dtype.hasobject:
            raise ValueError("it is a pickle")
        return shape, fortran, dtype

    def _safely(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
            raise DataDamaged(f"{self.file} is damaged: {self.name} is no array of numbers. {FIX}") from error
