"""The pictures of a run: those of each turn in `pictures/`; the last ones, animations and traces beside the trace."""

import contextlib
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from arena.core.game import Game
from arena.engine.env import Arena
from arena.runs.status import Status
from arena.trace import read_trace
from arena.trace.writing import folder_in, write_whole
from arena.trackers.base import Picture

TRACES = "traces.png"
"""The last picture that is drawn: with it, all are there."""
PATH = 5000
"""Most positions on the path of a run."""


def positions_of(arena: Arena) -> list[list[float]]:
    """Return the position of two players of one number each as a list of one; an empty one for other players, and on a GPU."""
    parameters = [*arena.game.parameters()]
    small = [p.numel() for p in parameters] == [1, 1] and parameters[0].device.type == "cpu"
    return [[p.item() for p in parameters]] if small else []


def keep_position(arena: Arena) -> None:
    """Add the position, or those of a block of turns, to the path that the game keeps, at most `PATH` times in a run."""
    every = max(1, arena.turns // PATH)
    if not arena.game.path:
        return
    if arena.blocks is not None and (passed := arena.blocks.take_passed()):
        arena.game.path += [position for turn, position in passed if turn % every == 0]
    elif arena.turns_played % every == 0:
        arena.game.path += positions_of(arena)


@contextlib.contextmanager
def freed_at_the_end() -> Iterator[None]:
    """Free what the block leaves behind in cycles, such as figures.

    A figure holds some ten MB, and Python seldom collects cycles in a process with torch's many objects. What was there before the block is
    not looked at, so that this takes no longer than a millisecond.
    """
    if gc.get_freeze_count():  # somebody else has frozen objects
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()


@freed_at_the_end()
def draw(
    arena: Arena,
    folder: Path,
    game: str,
    scored: int | None,
    ceiling: float | None,
    diagnosed: Iterable[tuple[str, Figure]],
    tell: Callable[[Picture], None],
    *,
    last: bool,
) -> None:
    """Draw the pictures of a turn: those of the game, and `diagnosed`, the figures of diagnostics, by name.

    `scored` is the turn of the latest score, `last` marks the run's end.
    """
    from arena import plots

    turn, title = arena.turns_played, f"{game}, turn {arena.turns_played:,}"
    caption = title
    if arena.last_score is not None and scored is not None:
        caption += f", score {arena.last_score:.3g}" + (f" in turn {scored:,}" if scored != turn else "")
        caption += f" (real data {ceiling:.3g})" if ceiling is not None else ""
    pictures = folder_in(folder, "pictures")
    if plots.has_picture(arena.game):
        figure = plots.game_figure(arena, caption)
        plots.save(figure, file := pictures / f"turn-{turn:08d}.png")
        tell(Picture(turn, "picture", file, figure))
    more = [(name, figure, f"pictures/{name}") for name, figure in plots.more_figures(arena, last=last)]
    more += [(name, figure, f"vector_field/{name}") for name, figure in diagnosed]
    for name, figure, tag in more:
        figure.suptitle(title, fontsize=10, color=plots.INK)
        plots.save(figure, file := pictures / f"{name}-turn-{turn:08d}.png")
        tell(Picture(turn, tag, file, figure))


def undrawn(folder: Path, status: Status) -> bool:
    """Whether a run that was played by itself ended with that status, but was stopped before all its pictures were drawn."""
    drawn = status in ("finished", "solved", "diverged", "alarmed", "stopped")
    return drawn and (folder / "checkpoints").is_dir() and not (folder / TRACES).is_file()


@freed_at_the_end()
def draw_last(game: Game, folder: Path, ceiling: float | None, ceilings: Mapping[str, float]) -> None:
    """Copy the last picture of each kind beside the trace, animate the pictures of an animated game, and draw the trace."""
    from arena import plots

    pictures = sorted((folder / "pictures").glob("turn-*.png"))
    if pictures:
        write_whole(folder / "picture.png", pictures[-1].read_bytes())
    if game.animated:
        for name in sorted({file.name.rpartition("turn-")[0] for file in (folder / "pictures").glob("*turn-*.png")}):
            frames, short = sorted((folder / "pictures").glob(f"{name}turn-*.png")), name.rstrip("-") or "picture"
            write_whole(folder / f"{short}.png", frames[-1].read_bytes())
            if len(frames) > 1:
                plots.animate(frames, folder / f"{short}.gif")
    rows = [row for row in read_trace(folder / "trace.jsonl") if row["kind"] == "turn"]
    for name, figure in game.trace_pictures(rows).items():
        plots.save(figure, folder / f"{name}.png")
    plots.save(plots.traces(rows, game.keys, ceiling, ceilings, game.score_name), folder / TRACES)
