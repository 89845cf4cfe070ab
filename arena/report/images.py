"""Pictures of a folder as data that a page can hold: WebP, or GIF if they move."""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from arena.trace.reading import MIB, read_bytes

WIDEST = 800
"""Largest width in dots."""
MOST = 24
"""Frames of a slider."""
LARGEST = 1.5 * MIB
"""Largest moving picture that a page holds."""


def embedded(file: Path, widest: int = WIDEST) -> str:
    """Return a picture as the source of an `img`.

    Raises:
        OSError: If the file is no picture, or cannot be read.
    """
    data = read_bytes(file, 64 * MIB)
    if file.suffix == ".gif" and len(data) <= LARGEST:
        return "data:image/gif;base64," + base64.b64encode(data).decode()
    made = io.BytesIO()
    with Image.open(io.BytesIO(data)) as file_image:
        image = file_image.convert("RGB")
    if image.width > widest:
        image = image.resize((widest, round(image.height * widest / image.width)), Image.Resampling.LANCZOS)
    image.save(made, "WEBP", quality=78, method=4)
    return "data:image/webp;base64," + base64.b64encode(made.getvalue()).decode()


def frames(folder: Path, most: int = MOST, widest: int = WIDEST) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the pictures of a run over its turns, evenly chosen with the last one, and a sentence for each that cannot be read."""
    files = turns_of_pictures(folder)
    made, notes = [], []
    for turn in evenly(sorted(files), most):
        try:
            image = {"src": embedded(files[turn], widest), "alt": f"the game's picture after {turn:,} turns"}
            made.append({"turn": turn, "images": [image]})
        except OSError:
            notes.append(f"{files[turn].relative_to(folder)} is no picture; it is left out")
    return made, notes


def turns_of_pictures(folder: Path) -> dict[int, Path]:
    """Return the pictures of a run folder by their turns."""
    files = sorted((folder / "pictures").glob("turn-*.png"))
    return {int(found[1]): file for file in files if (found := re.fullmatch(r"turn-(\d+)", file.stem))}


def evenly(values: Sequence[int], most: int) -> list[int]:
    """Return at most `most` of the values, evenly chosen, with the first and the last.

    Example:
        >>> evenly(range(11), 3), evenly([4], 3), evenly([], 3)
        ([0, 5, 10], [4], [])
    """
    if len(values) <= most:
        return [*values]
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]
