"""Draws the pictures of the README: plays the swiss roll once and sets its pictures and traces side by side.

python examples/readme_pictures.py docs
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import arena


def main(folder: Path) -> None:
    """Write `swiss-roll.png` and `swiss-roll-traces.png` into a folder."""
    result = arena.play("swiss-roll", out=Path(tempfile.mkdtemp()) / "run", **{"picture.every": 1000})
    pictures = [Image.open(result.folder / "pictures" / f"turn-{turn:08d}.png") for turn in (1000, 3000, 12_000)]
    strip = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height), "white")
    for i, picture in enumerate(pictures):
        strip.paste(picture, (sum(p.width for p in pictures[:i]), 0))
    strip.save(folder / "swiss-roll.png", optimize=True)
    Image.open(result.folder / "traces.png").save(folder / "swiss-roll-traces.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
