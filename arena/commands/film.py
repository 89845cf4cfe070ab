"""Write the film of a run, or of several side by side.

arena film runs/swiss-roll-1
arena film runs/ring-1 --with runs/ring-2 --by evaluations
"""

from collections.abc import Sequence

from arena.errors import ArenaError
from arena.runs.command_line import wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena film FOLDER [--with FOLDER ...] [--by turns|evaluations] [--frames N] [--picture NAME] [--recorded] [--out FILE]

Write film.mp4 and film.gif into the folder of a run: its pictures over its turns, on axes that do not change, above its score. The run is
played again to the same bits; its own record stays as it is.

  FOLDER          a run folder, as `arena play` named it, or that of a comparison: its variants side by side, with the first seed
  --with FOLDER   up to five more runs of the same game, side by side with it; several may follow one --with
  --by AXIS       what is equal in a frame: turns (default), or evaluations of gradients, a product counted as three
  --frames N      frames, 2 to 300 (default: 60); the film lasts at most 15 seconds
  --picture NAME  another picture of the game, such as features in games of adaptation
  --recorded      show the pictures in the folder instead of playing the run again
  --width N       largest width of the GIF in dots (default: 1000)
  --out FILE      only this file, which ends in .mp4 or .gif"""


def main(arguments: Sequence[str]) -> int:
    words = [*arguments]
    if not words or wants_help(words):
        show_usage(USAGE)
        return 0 if words else 2
    from arena.runs.command_line import CommandLine

    line = CommandLine([word for word in words if word not in ("--with", "--recorded")], USAGE, "arena film runs/swiss-roll-1")
    out, by, picture = line.pop("out"), line.pop("by"), line.pop("picture")
    frames, width = (
        line.pop_number("frames", "a whole number from 2 to 300", least=2),
        line.pop_number("width", "a whole number", least=100),
    )
    if unknown := next((word for word in line.words if word.startswith("--")), None):
        raise ArenaError(f"'{unknown[:60]}' is no option of `arena film`. Fix: arena film --help")
    from arena.report.film.encoding import can_write_mp4
    from arena.report.film.film import write_film
    from arena.report.film.showing import shown_progress

    options = {"frames": frames, "by": by, "picture": picture, "width": width}
    with shown_progress() as progress:
        files = write_film(
            line.words,
            out,
            from_pictures="--recorded" in words,
            progress=progress,
            **{name: value for name, value in options.items() if value},
        )
    for file in files:
        print(f"film  {file}")
    if out is None and not can_write_mp4():
        print("      an MP4 needs imageio-ffmpeg: pip install 'two-player-arena[film]'")
    return 0
