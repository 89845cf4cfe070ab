"""The play loop, through which every run passes: turn by turn, with the names of what is due after each."""

from collections.abc import Callable, Iterator, Mapping


def play(step: Callable[[int], object], clock: Callable[[], int], turns: int, every: Mapping[str, int]) -> Iterator[tuple[int, set[str]]]:
    """Play turn by turn.

    Args:
        step: plays a turn, given the number of turns played before it.
        clock: returns the number of turns played.
        turns: turns to be played in all.
        every: turns between two times that something is due, by its name; 0 is never.

    Yields:
        After each turn, the number of turns played, and the names of what is due.

    Example:
        >>> played = [0]
        >>> for turn, due in play(played.append, lambda: len(played), 4, {"trace": 2, "score": 4, "picture": 0}):
        ...     print(turn, sorted(due))
        2 ['trace']
        3 []
        4 ['score', 'trace']
    """
    periods = {name: period for name, period in every.items() if period > 0}
    while (turn := clock()) < turns:
        step(turn)
        turn = clock()
        yield turn, {name for name, period in periods.items() if turn % period == 0}
