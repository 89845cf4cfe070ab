"""The progress of a film in the terminal."""

import contextlib
from collections.abc import Iterator

from arena.report.film.film import Progress
from arena.runs.display import terminal


@contextlib.contextmanager
def shown_progress() -> Iterator[Progress]:
    """Show the progress within the block, if there is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = terminal()
    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("film", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
