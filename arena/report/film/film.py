"""Write the film of a run, or of up to six runs side by side at equal turns or equal gradient evaluations."""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from arena.errors import ArenaError, BadSetting, RunFailed, check_choice, check_number, typed
from arena.experiments.compare.plan import PLAN, load
from arena.experiments.executors import processes
from arena.experiments.executors.base import Resources
from arena.plots.style import DPI
from arena.report.film.board import Board, Grid, grid
from arena.report.film.encoding import HELD, can_write_mp4, check_mp4, rate, write_gif, write_mp4
from arena.report.film.footage import AXES, Footage, labels, moment_at, places
from arena.report.film.panels import Key, Look, common, draw, survey
from arena.report.film.recorded import picture as recorded_picture
from arena.report.film.recorded import recorded
from arena.runs.processes import start_server
from arena.runs.replay import Moment

MOST = 6
"""Runs side by side."""
FRAMES = 60
START = 4.0
"""Seconds that the server of processes takes to start."""
NAMES = ("film.mp4", "film.gif")
Progress = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is."""


def write_film(
    folders: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    frames: int = FRAMES,
    by: str = "turns",
    picture: str = "",
    from_pictures: bool = False,
    width: int = 1000,
    workers: int = 0,
    progress: Progress = lambda what, done, total: None,
) -> list[Path]:
    """Write a film, and return its files.

    Args:
        folders: One to six run folders of one game; that of a comparison means the runs of its variants with the first seed.
        out: A file that ends in .mp4 or .gif; None writes film.mp4 and film.gif into the first folder, only the GIF without
            imageio-ffmpeg.
        frames: Frames, at least 2; fewer if there are fewer turns.
        by: Axis on which runs are compared: turns, or evaluations of gradients, a product counted as three.
        picture: Name of a further picture of the game, such as features; empty for its main one.
        from_pictures: Show the pictures that the runs recorded, instead of playing the runs again.
        width: Largest width of the GIF in dots.
        workers: Processes in which runs are played again and pictures are drawn, at most; 0 takes one for each core.
        progress: Takes the progress.

    Raises:
        ArenaError: A folder is no run, the games differ, there is nothing to show, or a file cannot be written.
        BadSetting: A number is out of its range.

    Example:
        >>> import arena
        >>> run = arena.play("bilinear", turns=20, out=tempfile.mkdtemp() + "/run", display=False, **{"trace.tensorboard": False})
        >>> [file.name for file in write_film([run.folder], run.folder / "short.gif", frames=3)]
        ['short.gif']
    """
    check_number("frames", frames, least=2, most=300, whole=True)
    check_number("width", width, least=100, whole=True)
    check_choice("by", by, AXES)
    if not folders:
        raise ArenaError("a film needs a run folder. Fix: arena film runs/NAME")
    named = [run for folder in folders for run in _runs_in(Path(folder))]
    if len(named) > MOST:
        raise ArenaError(f"{len(named)} runs are too many for one picture. Expected at most {MOST}. Fix: name the folders of some runs")
    runs = [Footage(folder) for folder in named]
    for run in runs[1:]:
        if run.config.game.id != runs[0].config.game.id:
            raise ArenaError(
                f"{runs[0].folder} plays {runs[0].config.game.name} and {run.folder} plays {run.config.game.name}: their pictures have no "
                f"common axes. Fix: make a film of each, as in arena film {typed(run.folder)}"
            )
    files = _files(Path(folders[0]), out)
    targets = places(runs, by, frames)
    with tempfile.TemporaryDirectory(prefix="arena-film-") as folder:
        if from_pictures:
            shots = _recorded(runs, targets, by, picture)
        else:
            shots = _played(runs, targets, by, picture, Path(folder), workers, progress)
        made = _frames(shots, targets, by)
        progress(" and ".join(file.name for file in files), 0, 1)
        with ThreadPoolExecutor() as threads:  # ffmpeg is a process of its own, so that both are encoded at once
            try:
                for written in [threads.submit(_write, made, file, width) for file in files]:
                    written.result()
            except OSError as error:
                raise ArenaError(
                    f"{error.filename or files[0]} could not be written ({error.strerror}). Fix: choose another --out"
                ) from error
    return files


def _write(frames: list[Image.Image], file: Path, width: int) -> None:
    fps = rate(len(frames))
    if file.suffix == ".mp4":
        write_mp4([*frames, *[frames[-1]] * round(HELD * fps)], frames[0].size, fps, file)
    else:
        write_gif(frames, fps, file, width)


@dataclass(frozen=True)
class Shots:
    """All that a film is composed of.

    Args:
        runs: The runs.
        moments: Their moments.
        panels: Their pictures at these moments, of one size.
        place: The arrangement of the panels.
        key: The key to all panels; None if each has its own.
    """

    runs: list[Footage]
    moments: list[list[Moment]]
    panels: list[list[np.ndarray]]
    place: Grid
    key: Key | None


def _frames(shots: Shots, targets: Sequence[int], by: str) -> list[Image.Image]:
    """Compose the frames at places of the axis."""
    names = labels(shots.runs) if len(shots.runs) > 1 else [""]
    largest = max((panel.shape[:2] for own in shots.panels for panel in own), key=lambda shape: shape[0] * shape[1])
    board = Board(shots.runs, names, by, targets[-1], largest, shots.place, shots.key)
    frames = []
    for target in targets:
        now = [moment_at(own, target, by) for own in shots.moments]
        pictures = [drawn[own.index(moment)] for moment, own, drawn in zip(now, shots.moments, shots.panels, strict=True)]
        frames.append(board.frame(target, now, pictures))
    return frames


def _played(runs: list[Footage], targets: Sequence[int], by: str, picture: str, folder: Path, workers: int, progress: Progress) -> Shots:
    """Play the runs again, and draw their pictures."""
    several, count = len(runs) > 1, Resources(folder, workers).processes
    into = [folder / f"run-{number}" for number, _ in enumerate(runs)]
    for states in into:
        states.mkdir()
    jobs = [
        (run.folder, [*targets], by, states, part) for run, states in zip(runs, into, strict=True) for part in run.parts(count // len(runs))
    ]
    whole, began = sum(run.last_turn for run in runs), time.perf_counter()
    ready = len(jobs) > 1  # whether the server from which the drawing processes are forked runs already

    def played(turns: int) -> None:
        nonlocal ready
        progress("turns played again", turns, whole)
        if not ready and count > 1 and (time.perf_counter() - began) * (whole - turns) > START * turns:
            start_server()  # on a core that is free meanwhile
            ready = True

    found = _in_parallel(_replay, jobs, folder, workers, played)
    moments = [[moment for job, own in zip(jobs, found, strict=True) if job[0] == run.folder for moment in own] for run in runs]
    seen = _in_parallel(_survey, [(run.folder, own, picture, several) for run, own in zip(runs, moments, strict=True)], folder, workers)
    looks = common([look for look, _ in seen])
    place = grid(len(runs), looks[0].size)
    tasks = []
    for run, own, look in zip(runs, moments, looks, strict=True):
        parts = 1 if several or look.seconds * len(own) < (0 if ready else count * START) else count
        tasks += [(run.folder, own[part::parts], picture, look, place.dpi) for part in range(min(parts, len(own)))]
    total = sum(map(len, moments))
    files = _in_parallel(_draw, tasks, folder, workers, lambda pictures: progress("pictures", pictures, total))
    drawn = {
        moment.file: np.load(file, mmap_mode="r")
        for (_, own, *_), made in zip(tasks, files, strict=True)
        for moment, file in zip(own, made, strict=True)
    }
    return Shots(runs, moments, [[drawn[moment.file] for moment in own] for own in moments], place, seen[0][1] if several else None)


def _recorded(runs: list[Footage], targets: Sequence[int], by: str, picture: str) -> Shots:
    """Take the pictures that the runs recorded, as large as `_played` draws them."""
    moments = [recorded(run, targets, by, picture) for run in runs]
    drawn = [[recorded_picture(moment) for moment in own] for own in moments]
    height, width = drawn[0][0].shape[:2]
    place = grid(len(runs), (width, height))
    size = (round(width * place.dpi), round(height * place.dpi)) if place.dpi < 1 else (width, height)
    small = [[np.asarray(Image.fromarray(one).resize(size, Image.Resampling.LANCZOS)) for one in own] for own in drawn]
    return Shots(runs, moments, small, Grid(place.columns, DPI * min(place.dpi, 1.0)), None)


def _replay(job: Any, played: Callable[[int], None]) -> list[Moment]:
    """Play a part of a run again; return its moments."""
    folder, targets, by, into, part = job
    return Footage(folder).replay(targets, by, into, played, part)


def _survey(job: Any, _: Callable[[int], None]) -> tuple[Look, Key]:
    """Return the look of the pictures of a run, and their key."""
    folder, moments, picture, several = job
    return survey(Footage(folder), moments, picture, bare=several)


def _draw(job: Any, drawn: Callable[[int], None]) -> list[Path]:
    """Draw the pictures of one run into files."""
    folder, moments, picture, look, dpi = job
    files = []
    for moment, panel in zip(moments, draw(Footage(folder), moments, picture, look, dpi), strict=True):
        files.append(moment.file.with_suffix(".npy"))
        np.save(files[-1], panel)
        drawn(len(files))
    return files


def _in_parallel(
    work: Any, jobs: Sequence[Any], folder: Path, workers: int, progress: Callable[[int], None] = lambda count: None
) -> list[Any]:
    """Return the results of all jobs, done in a process for each core if there are several."""
    results, counts = [None] * len(jobs), [0] * len(jobs)

    def ended(index: int, result: Any) -> None:
        results[index] = result

    def counted(index: int, count: int) -> None:
        counts[index] = count
        progress(sum(counts))

    try:
        processes.play(work, jobs, ended, counted, Resources(folder, workers))
    except RunFailed as error:
        raise ArenaError(f"{str(error).partition('. Fix that')[0]}. Fix: arena film of fewer runs, or workers=1 in Python") from error
    return results


def _runs_in(folder: Path) -> list[Path]:
    """Return the folder of a run; of a comparison, those of its variants with the first seed."""
    if not (folder / PLAN).is_file():
        return [folder]
    jobs = load(folder).jobs
    return [folder / job.folder for job in jobs if job.seed == jobs[0].seed]


def _files(folder: Path, out: str | Path | None) -> list[Path]:
    """Return the files to write."""
    if out is None:
        return [folder / name for name in NAMES if name.endswith(".gif") or can_write_mp4()]
    file = Path(out)
    if file.suffix not in (".mp4", ".gif"):
        raise BadSetting("out", str(out), "a file that ends in .mp4 or .gif")
    if file.suffix == ".mp4":
        check_mp4()
    if not file.parent.is_dir():
        raise ArenaError(f"{file} cannot be written, because {file.parent} is no folder. Fix: mkdir -p {typed(file.parent)}")
    return [file]
