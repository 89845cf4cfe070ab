"""Draws the pictures of the README: the swiss roll, and the update rules compared on f = xy and on the ring.

python examples/readme_pictures.py docs            # about eight minutes on two cores
python examples/readme_pictures.py docs --quick    # the swiss roll alone
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import arena
from arena.comparison.report import table
from arena.registry import entries

RING = ["simultaneous", "alternating", "extragradient", "optimistic", "consensus", "lookahead"]


def swiss_roll(folder: Path) -> None:
    """Write `swiss-roll.png` and `swiss-roll-traces.png` into a folder."""
    result = arena.play("swiss-roll", out=Path(tempfile.mkdtemp()) / "run", **{"picture.every": 1000})
    pictures = [Image.open(result.folder / "pictures" / f"turn-{turn:08d}.png") for turn in (1000, 3000, 12_000)]
    strip = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height), "white")
    for i, picture in enumerate(pictures):
        strip.paste(picture, (sum(p.width for p in pictures[:i]), 0))
    strip.save(folder / "swiss-roll.png", optimize=True)
    Image.open(result.folder / "traces.png").save(folder / "swiss-roll-traces.png", optimize=True)


def rules(folder: Path) -> None:
    """Write `rules-on-xy.png`, `rules-on-ring.png` and `rules-on-ring-pictures.png` into a folder, and print both tables."""
    from rich.console import Console

    console = Console(width=160)
    for game, vary, settings, pictures in (
        ("bilinear", {"rule": list(entries("rule"))}, {"budget": "turns", "turns": 500}, {"trajectories": "rules-on-xy"}),
        ("ring", {"rule": RING, "seed": range(3)}, {}, {"score": "rules-on-ring", "pictures": "rules-on-ring-pictures"}),
    ):
        found = arena.compare(game, vary, out=Path(tempfile.mkdtemp()) / game, **settings)
        console.print(table(found.summaries))
        for name, target in pictures.items():
            Image.open(found.folder / f"{name}.png").convert("RGB").save(folder / f"{target}.png", optimize=True)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    docs = Path(words[0] if words else "docs")
    swiss_roll(docs)
    if "--quick" not in sys.argv:
        rules(docs)
