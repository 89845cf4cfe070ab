"""Write the report of a run or an experiment as one page of HTML.

arena report runs/swiss-roll-1 --open
arena report runs/swiss-roll-1 runs/swiss-roll-2 --out both.html
"""

import webbrowser
from collections.abc import Sequence

from arena.errors import ArenaError
from arena.runs.command_line import wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena report FOLDER [MORE ...] [--out FILE] [--open]

Write one self-contained page on a run, a comparison, a map or a sweep. It opens in any browser, without a network.

  FOLDER      a run folder, or that of an experiment; several run folders are laid over each other
  --out FILE  the page (default: report.html in the folder; of several, report.html here)
  --open      open it in the browser"""


def main(arguments: Sequence[str]) -> int:
    words = [*arguments]
    if not words or wants_help(words):
        show_usage(USAGE)
        return 0 if words else 2
    shown, out = "--open" in words, None
    words = [word for word in words if word != "--open"]
    if "--out" in words:
        place = words.index("--out")
        if place + 1 == len(words):
            raise ArenaError("--out needs a file, as in --out report.html")
        out = words[place + 1]
        del words[place : place + 2]
    if unknown := next((word for word in words if word.startswith("--")), None):
        raise ArenaError(f"'{unknown[:60]}' is no option of `arena report`; it has --out FILE and --open")
    from arena.report import write_report

    page = write_report(words, out)
    print(f"report  {page}")
    if shown and not webbrowser.open(page.resolve().as_uri()):
        raise ArenaError(f"there is no browser to open {page} in. Open that file yourself")
    return 0
