"""Where data come from: a path with the checksum of its content, as a setting holds it."""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arena.data.checksum import SHOWN, checksum
from arena.errors import DataUnavailable, UnknownName, shown

_MARKED = re.compile(rf"(?P<path>.+)@(?P<checksum>[0-9a-f]{{{SHOWN}}})", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """A data set on disk.

    Args:
        path: Absolute path of its file or folder.
        checksum: Checksum of its content; see `arena.data.checksum`.
    """

    path: Path
    checksum: str

    def __str__(self) -> str:
        return f"{self.path}@{self.checksum}"

    @classmethod
    def of(cls, text: str | Path) -> "Source":
        """Return the source of a path, with the checksum that stands behind it or else that of its content now.

        Raises:
            DataUnavailable: The path does not exist.
            DataDamaged: It cannot be read.

        Example:
            >>> str(Source.of("/faces@0123456789abcdef")), Source.of("/faces@0123456789abcdef").path.name
            ('/faces@0123456789abcdef', 'faces')
        """
        if (marked := _MARKED.fullmatch(str(text))) and not os.path.exists(text):  # noqa: PTH110
            return cls(Path(marked["path"]), marked["checksum"])
        path = Path(os.path.expanduser(text)).absolute()  # noqa: PTH111  # Path.expanduser raises for a user who does not exist
        if not os.path.exists(path):  # noqa: PTH110  # Path.exists raises for a name that is too long
            named = str(path) if len(str(path)) < 200 and str(path).isprintable() else shown(str(path))
            raise DataUnavailable(f"{named} does not exist. Expected the path of a data set")
        return cls(path, checksum(path))


@dataclass(frozen=True)
class Takes:
    """What a game takes under a setting that names data.

    Args:
        kind: images or rows; None for either.
        names: Names of registered data sets.
    """

    kind: Literal["images", "rows"] | None = None
    names: Collection[str] = ()

    def is_name(self, text: str) -> bool:
        """Return whether a text is the name of a registered data set rather than a path."""
        return text in self.names or not text

    def settled(self, setting: str, text: str) -> str:
        """Return a registered name as it is, and a path with the checksum of its content.

        Raises:
            UnknownName: It is neither.
            DataUnavailable: The path does not exist.
        """
        if self.is_name(text):
            return text
        looks_like_path = "/" in text or "\\" in text or Path(text).suffix or text.startswith(("~", "."))
        if not looks_like_path and not os.path.exists(text):  # noqa: PTH110
            raise UnknownName(setting, text, self.names, " Otherwise give the path of a data set.")
        return str(Source.of(text))
