"""Usage texts, wrapped to the terminal.

A text has paragraphs, a usage (`usage: arena …` and its continuations), and entries: two spaces, a term, at least two spaces, and its
description, which goes on in lines with a deeper indentation.
"""

import re
import shutil
import textwrap
from collections.abc import Iterator

WIDEST = 140
NARROW = 72
"""Width below which a description begins below its term."""


def show_usage(text: str) -> None:
    """Print a usage text as wide as the terminal, at most `WIDEST`."""
    print(wrapped(text, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)))


def wrapped(text: str, width: int) -> str:
    r"""Return a usage text whose lines fit a width.

    Example:
        >>> text = "usage: arena do GAME [--out FOLDER]\n\nDo it.\n\n  --out FOLDER   the folder, which must\n      not exist"
        >>> print(wrapped(text, 30))
        usage: arena do GAME
                 [--out FOLDER]
        <BLANKLINE>
        Do it.
        <BLANKLINE>
          --out FOLDER
              the folder, which must
              not exist
    """
    blocks = ["\n".join(_block(block, width)) for block in text.split("\n\n")]
    return "\n\n".join(blocks)


def _block(block: str, width: int) -> Iterator[str]:
    for line in _joined(block):
        entry = re.match(r"(  \S.*?)(  +)(.*)", line)
        if line.startswith(("usage: ", "       arena ")):
            whole = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", "\0"), line)
            yield from (part.replace("\0", " ") for part in _fill(whole, width, " " * 9))
        elif entry is None:
            yield from _fill(line, width, re.match(" *", line)[0])  # type: ignore[index]
        elif width < NARROW:
            yield entry[1]
            yield from _fill(" " * 6 + entry[3], width, " " * 6)
        else:
            yield from _fill(line, width, " " * len(entry[1] + entry[2]))


def _joined(block: str) -> Iterator[str]:
    """Yield lines, each with its continuations."""
    latest = ""
    for line in block.splitlines():
        depth = len(line) - len(line.lstrip())
        begins = depth == 2 or line.startswith(("usage: ", "       arena ")) or (depth == 0 and latest.startswith(" "))
        if latest and not begins:
            latest += f" {line.strip()}"
            continue
        if latest:
            yield latest
        latest = line
    if latest:
        yield latest


def _fill(line: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True)
