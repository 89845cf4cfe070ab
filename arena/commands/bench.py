"""Measure how fast a game is played, compared with a hand-written loop.

arena bench swiss-roll
arena bench my_game.py --rule extragradient --seconds 30
"""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.runs.command_line import CommandLine

USAGE = """\
usage: arena bench GAME [--out FILE.png] [--seconds S] [--config FILE] [--SETTING VALUE ...]

Time a turn of a game: compared with a hand-written loop and with the bare gradients, and stage by stage.

  GAME             a game's id (see `arena list`), an import path, or a file such as my_game.py
  --out FILE.png   the picture, which must not exist (default: the next runs/bench-GAME-NUMBER.png)
  --seconds S      seconds of measurement (default: 10); at least one chunk of turns is timed
  --config FILE    settings in YAML, such as the config.yaml of a run; options on the command line win

Every setting of a game is an option, as in `arena play GAME --help`. Scores, pictures and checkpoints are not part of a turn."""


def main(arguments: Sequence[str]) -> int:
    line = CommandLine(arguments, USAGE, "arena bench swiss-roll")
    if line.exit_code is not None:
        return line.exit_code
    out, seconds = line.pop("out"), line.pop_number("seconds", "a number above 0, such as 10", float, 1e-9) or 10.0
    game, settings = line.game(file=line.pop("config"))

    from rich.console import Console

    from arena import plots
    from arena.bench import measure
    from arena.bench.figures import turn
    from arena.bench.report import report
    from arena.config.configure import configure

    config = configure(game, settings, line.rest)
    console = Console()
    with _claimed(out, config.game.name) as path:
        console.print(f"measuring {config.game.name} for {seconds:g} s", highlight=False, style="dim")
        measured = measure(config, seconds)
        plots.save(turn(measured), path)
    report(measured, console)
    console.print(f"  picture     {path}", highlight=False, soft_wrap=True)
    return 0


@contextlib.contextmanager
def _claimed(out: str | None, name: str) -> Iterator[Path]:
    """Create the file of the picture before anything is measured; remove it if nothing is."""
    if out is not None and Path(out).suffix.lower() != ".png":
        raise ArenaError(f"--out is '{out}', but a picture is written as PNG; write --out {Path(out).stem or name}.png")
    paths = [Path(out)] if out is not None else (Path("runs") / f"bench-{name}-{number}.png" for number in itertools.count(1))
    for path in paths:
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
            path.open("xb").close()
            break
        except OSError as error:
            there = isinstance(error, FileExistsError) and path.exists()
            if there and out is None:
                continue
            if there:
                raise ArenaError(f"{path} exists already, and a picture never overwrites; choose another --out") from error
            raise ArenaError(f"the picture {path} could not be made ({error.strerror}); choose another --out") from error
    try:
        yield path
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ArenaError(f"the picture {path} could not be written ({error.strerror or error}); choose another --out") from error
        raise
