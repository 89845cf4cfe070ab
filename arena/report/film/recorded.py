"""The pictures that a run drew while it was played, as the moments of a film."""

import re
from collections.abc import Sequence

import numpy as np
from PIL import Image

from arena.errors import ArenaError, typed
from arena.report.film.footage import Footage, moment_at
from arena.runs.replay import Moment


def recorded(run: Footage, targets: Sequence[int], by: str, name: str) -> list[Moment]:
    """Return the recorded pictures that stand nearest before the places of a film.

    Args:
        run: The run.
        targets: Places on the axis, in order.
        by: The axis, turns or evaluations.
        name: Name of the picture; empty for the game's main one.

    Raises:
        ArenaError: There are fewer than two.
    """
    prefix = f"{name}-" if name else ""
    found = {}
    for file in sorted((run.folder / "pictures").glob(f"{prefix}turn-*.png")):
        if turn := re.fullmatch(rf"{re.escape(prefix)}turn-(\d+)", file.stem):
            found[int(turn[1])] = file
    everything = [Moment(turn, run.spent(turn), file) for turn, file in sorted(found.items())]
    shown = [moment for moment in everything if moment.at(by) <= targets[-1]]
    if len(shown) < 2:
        what = f"{len(shown)} recorded picture" + "s" * (not shown)
        raise ArenaError(f"{run.folder} has {what} '{prefix}turn-….png', too few for a film. Fix: arena film {typed(run.folder)}")
    chosen = {moment_at(shown, target, by).turn: moment_at(shown, target, by) for target in targets}
    return [chosen[turn] for turn in sorted(chosen)]


def picture(moment: Moment) -> np.ndarray:
    """Return a recorded picture as height × width × 3 bytes; raise ArenaError if it is damaged."""
    try:
        with Image.open(moment.file) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise ArenaError(
            f"{moment.file} is no picture any more ({type(error).__name__}). Fix: remove it, or leave out --recorded"
        ) from error
