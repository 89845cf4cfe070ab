"""Draw pictures of the documentation: the swiss roll, update rules on f = xy and on the ring, image GANs, an attack on MNIST.

python examples/readme_pictures.py docs                     # all of them: about half an hour on two cores
python examples/readme_pictures.py docs swiss_roll rules    # some of them
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import arena
from arena.experiments.table import table
from arena.registry import entries

RING = ["simultaneous", "alternating", "extragradient", "optimistic", "consensus", "lookahead"]


def swiss_roll(folder: Path) -> None:
    """Write `swiss-roll.png` and `swiss-roll-traces.png`."""
    result = arena.play("swiss-roll", out=Path(tempfile.mkdtemp()) / "run", **{"picture.every": 1000})
    pictures = [Image.open(result.folder / "pictures" / f"turn-{turn:08d}.png") for turn in (1000, 3000, 12_000)]
    strip = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height), "white")
    for i, picture in enumerate(pictures):
        strip.paste(picture, (sum(p.width for p in pictures[:i]), 0))
    strip.save(folder / "swiss-roll.png", optimize=True)
    Image.open(result.folder / "traces.png").save(folder / "swiss-roll-traces.png", optimize=True)


def rules(folder: Path) -> None:
    """Write `rules-on-xy.png`, `rules-on-ring.png` and `rules-on-ring-pictures.png`, and print both tables."""
    from rich.console import Console

    console = Console(width=160)
    for game, vary, options, pictures in (
        ("bilinear", {"rule": list(entries("rule"))}, {"budget": "turns", "settings": {"turns": 500}}, {"trajectories": "rules-on-xy"}),
        ("ring", {"rule": RING}, {"seeds": 3}, {"score": "rules-on-ring", "pictures": "rules-on-ring-pictures"}),
    ):
        comparison = arena.compare(game, vary, out=Path(tempfile.mkdtemp()) / game, **options)
        console.print(table(comparison.trials))
        for name, target in pictures.items():
            Image.open(comparison.folder / f"{name}.png").convert("RGB").save(folder / f"{target}.png", optimize=True)


def images(folder: Path) -> None:
    """Write `mnist-conv.png` and `cifar10-4k.png`: samples and interpolations of fixed noise."""
    for game in ("mnist-conv", "cifar10-4k"):
        result = arena.play(game, out=Path(tempfile.mkdtemp()) / game, turns=3000)
        Image.open(result.folder / "picture.png").convert("RGB").save(folder / f"{game}.png", optimize=True)


def attack(folder: Path) -> None:
    """Write `attack.png`."""
    result = arena.play("attack", out=Path(tempfile.mkdtemp()) / "attack", data="mnist")
    Image.open(result.folder / "picture.png").convert("RGB").save(folder / "attack.png", optimize=True)


DRAWN = {draw.__name__: draw for draw in (swiss_roll, rules, images, attack)}

if __name__ == "__main__":
    words = sys.argv[1:] or ["docs"]
    for name in words[1:] or DRAWN:
        DRAWN[name](Path(words[0]))
