"""What is prescribed where one player outruns the other: equal numbers of moves first, then equal rates."""

from typing import Any

from arena.doctor.case import Case


def more_moves(ratio: float) -> dict[str, Any]:
    """Return the cause, the change and the advice where the second player moves more often.

    A penalty bounds the slope of a discriminator, but does not give the generator the moves that it lacks.

    Example:
        >>> more_moves(8.0)["change"]
        {'scheduler.ratio': 1}
    """
    cause = f"the discriminator moves {ratio:g} times for each move of the generator"
    return {"cause": cause, "change": {"scheduler.ratio": 1}, "advice": "as many moves of the generator"}


def first_outruns(case: Case) -> dict[str, Any] | None:
    """Return the same where the first player moves more often or at a higher rate than the second; None if it does neither.

    Example:
        >>> first_outruns(Case([{"turn": 1, "x.moves": 8, "y.moves": 1}], {"scheduler.ratio": -8}))["cause"]
        'the x moves 8 times as often as the y'
    """
    first, second = case.roles
    if (ratio := case.number("scheduler.ratio")) < 0:
        cause = f"the {first} moves {-ratio:.0f} times as often as the {second}"
        return {"cause": cause, "change": {"scheduler.ratio": 1}, "advice": "one move of each player in turn"}
    if case.rate(first) > case.rate(second) > 0:
        return {"cause": f"the {first} outruns the {second}", "change": {f"{first}.lr": case.rate(second)}, "advice": "equal rates"}
    return None
