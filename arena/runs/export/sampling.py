"""Draw samples from the generator of a run: a sheet of images with one file each, or a table of points."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arena.core.preserve import preserve_state
from arena.errors import ArenaError
from arena.runs.export.loading import At, Loaded, load
from arena.trace.writing import write_whole

AT_ONCE = 1024
SEEDS = 1_000_003
"""Distance between the random streams of two seeds."""


def draw(loaded: Loaded, count: int, seed: int) -> Tensor:
    """Return samples of a game that can `generate`, shape (count, …).

    Raises:
        ArenaError: The game generates nothing.
    """
    game: Any = loaded.game
    if not hasattr(game, "generate"):
        raise ArenaError(f"'{loaded.config.game.name}' generates nothing. Expected a run of a GAN, such as swiss-roll or mnist")
    with torch.no_grad(), preserve_state(game, seed=seed), loaded.arena.episode.on_device():
        sizes = [min(AT_ONCE, count - start) for start in range(0, count, AT_ONCE)]
        made = torch.cat([game.generate(size, SEEDS * seed + place) for place, size in enumerate(sizes)])
        return (game.in_units(made) if hasattr(game, "in_units") else made).detach().cpu()


def sample(run: str | Path, count: int = 64, at: At = "last", seed: int = 0, out: str | Path | None = None, *, trust: bool = False) -> Path:
    """Draw samples from the generator of a run, and return the folder of images or the table.

    Args:
        run: Run folder of a GAN.
        count: Number of samples, at least 1.
        at: `last`, `best`, or a turn that has a checkpoint.
        seed: Of the noise.
        out: A new folder for images, or a new file for points; by default `samples-TURN-SEED` in the folder `exports` of the run.

    Raises:
        ArenaError: The game generates nothing, or the folder or file exists.
    """
    loaded = load(run, at, trust=trust)
    made = draw(loaded, count, seed)
    is_image = made.dim() in (3, 4)
    name = f"samples-{loaded.turn:08d}-{seed}" + ("" if is_image else ".csv")
    target = Path(out) if out is not None else Path(run) / "exports" / name
    if target.exists():
        raise ArenaError(f"{target} exists already, and samples never overwrite; choose another --out or --seed")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_image:
            _images(made, target)
        else:
            _table(made.flatten(1), target)
    except OSError as error:
        raise ArenaError(f"{target} cannot be written ({error.strerror}); choose another --out") from error
    return target


def _images(made: Tensor, folder: Path) -> None:
    """Write images in [−1, 1] as 000000.png and so on, and all of them as sheet.png."""
    from torchvision.utils import make_grid

    made = made.unsqueeze(1) if made.dim() == 3 else made
    bytes_NCHW = ((made.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    folder.mkdir()
    for number, image in enumerate(bytes_NCHW):
        write_whole(folder / f"{number:06d}.png", _png(image))
    write_whole(folder / "sheet.png", _png(make_grid(bytes_NCHW, nrow=max(1, round(len(bytes_NCHW) ** 0.5)), padding=1)))


def _png(image_CHW: Tensor) -> bytes:
    from PIL import Image

    data, made = image_CHW.permute(1, 2, 0).numpy(), io.BytesIO()
    Image.fromarray(np.ascontiguousarray(data[..., 0] if data.shape[-1] == 1 else data)).save(made, "PNG")
    return made.getvalue()


def _table(made: Tensor, file: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"x{axis}" for axis in range(1, made.shape[1] + 1)])
    writer.writerows([f"{value:.9g}" for value in row] for row in made.tolist())
    write_whole(file, text.getvalue())
