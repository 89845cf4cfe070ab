"""The loop of every run: turn by turn, with the names of the actions that are due after each."""

from collections.abc import Callable, Iterator, Mapping

from arena.engine.environment import Environment


def ahead(turn: int, turns: int, every: Mapping[str, int]) -> int:
    """Return the number of turns after which an action is due, or the turns are over.

    Example:
        >>> ahead(7, 100, {"trace": 5, "score": 4, "picture": 0}), ahead(98, 100, {"trace": 5})
        (1, 2)
    """
    return min([turns - turn, *(period - turn % period for period in every.values() if period > 0)])


def stepper(environment: Environment, turns: int, every: Mapping[str, int], window: int) -> Callable[[int], None]:
    """Return a function that plays a turn, or if blocks are compiled the turns until the next due action.

    Args:
        environment: One game.
        turns: Turns to play in all.
        every: Turns between repetitions of an action, by its name.
        window: Turns before each row of the trace that are measured.
    """
    rows = every["trace"]

    def step(turn: int) -> None:
        unmeasured = rows - window - turn % rows
        if unmeasured > 0 and environment.in_blocks:
            environment.play_scheduled_turns(min(unmeasured, ahead(turn, turns, every)))
        else:
            environment.play_scheduled_turn(measure=unmeasured <= 0)

    return step


def play(step: Callable[[int], object], clock: Callable[[], int], turns: int, every: Mapping[str, int]) -> Iterator[tuple[int, set[str]]]:
    """Play turn by turn.

    Args:
        step: Plays a turn, given the number of turns played before it; or several, but not past a due action (`ahead`).
        clock: Returns the number of turns played.
        turns: Turns to play in all.
        every: Turns between repetitions of an action, by its name; 0 is never.

    Yields:
        After each step, the number of turns played, and the names of the actions that are due.

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
