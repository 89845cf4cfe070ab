"""The loop of every run: turn by turn, with the names of the actions that are due after each."""

from collections.abc import Callable, Iterator, Mapping


def play(step: Callable[[int], object], clock: Callable[[], int], turns: int, every: Mapping[str, int]) -> Iterator[tuple[int, set[str]]]:
    """Play turn by turn.

    Args:
        step: Plays a turn, given the number of turns played before it.
        clock: Returns the number of turns played.
        turns: Turns to play in all.
        every: Turns between repetitions of an action, by its name; 0 is never.

    Yields:
        After each turn, the number of turns played, and the names of the actions that are due.

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
