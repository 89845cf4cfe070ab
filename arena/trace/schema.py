"""The schema of a trace row. A row is flat; `role` stands for a player's role and `key` for a role or `role.part`.

A field is left out if it was not measured, and null if the number was not finite. Rows have no times, so that equal runs have equal
bytes.
"""

FIELDS = {
    "kind": "'turn' for a row of measurements, 'alarm' for an alarm that is raised or over, 'end' for the last row of a completed run",
    "turn": "turns played",
    "progress": "turns played over the turn budget, in [0, 1]",
    "coupling": "λ of the latest turn, in [0, 1]",
    "gradient_evaluations": "gradients of one player's loss computed so far",
    "products": "products with the field's Jacobian computed so far",
    "key.loss": "the player's loss at the start of its latest turn",
    "key.loss_mean": "mean of that loss over the turns since the row before; left out for a single turn",
    "key.loss_low": "its 10 % quantile over these turns",
    "key.loss_high": "its 90 % quantile over these turns",
    "key.gradient_norm": "norm of its own gradient at that time",
    "role.update_norm": "norm of its latest measured update",
    "role.update_cosine": "cosine of that update with the one before it",
    "role.learning_rate": "learning rate of the latest turn in which the player moved, after its schedule, before its share",
    "role.share": "share of that rate in the same turn",
    "role.moves": "moves made so far",
    "game.NAME": "the game's own signals, such as D(x), D(G(z)) and spread",
    "rule.NAME": "numbers that the rule reports of its latest turn, such as the iterations and the residual of its solver",
    "score": "the game's score, lower is better; in the end row the last one, null after a divergence",
    "score_turn": "in the end row: the turn of the score",
    "judged": "'averaged', or 'averaged ROLE', if the score is that of averaged players; left out for the live ones",
    "oracle": "in the end row: true if the score uses an oracle's labels; left out if it does not",
    "ceiling": "the score of real data, if that is defined",
    "best": "the lowest score so far",
    "best_turn": "the turn of the lowest score",
    "metrics_turn": "in the end row: the turn of the metrics",
    "metrics.NAME": "a metric of the game, such as precision and recall; one file each in `arena.games.gan.metrics`",
    "ceilings.NAME": "the metric of real data, if that is defined",
    "diagnostics.ID.NAME": "a number of the diagnostic ID, explained in its docstring; `arena list diagnostics` lists them",
    "diagnostics.ID.failure": "the reason for missing numbers",
    "diagnostics.gradient_evaluations": "gradients that diagnostics have computed so far, not counted above",
    "diagnostics.products": "products with the field's Jacobian that diagnostics have computed so far",
    "alarm": "in an alarm's row: its name; `arena list alarms` lists them",
    "raised": "in an alarm's row: whether it is raised or over",
    "status": "in the end row: finished, solved, diverged, undefined (no result of the rule), failed, alarmed, stopped (by a tracker)",
    "reason": "in the end row: the first player, number and turn that was not finite; the rule's error; the reason of the alarm or tracker",
}

_WORDS = {"kind": str, "judged": str, "status": str, "reason": str, "alarm": str, "raised": bool, "oracle": bool}
_NEEDED = {"turn": (), "alarm": ("alarm", "raised"), "end": ("status", "score", "best", "ceiling")}


def shape_of(row: object) -> tuple[object, ...]:
    """Return what `check_row` judges of a row, except that its turn must not be negative: its kind, its names and the types of its values.

    Of a trace of 100,000 rows, a handful of shapes are checked instead of three million values.
    """
    if not isinstance(row, dict):
        return (type(row),)
    kind = row.get("kind")
    return (kind if isinstance(kind, str) else None, *row, *map(type, row.values()))


def check_row(row: object) -> None:
    """Raise ValueError if an object is no row of a trace.

    Example:
        >>> check_row({"kind": "turn", "turn": 3, "score": None, "x.loss": 0.5})
        >>> check_row({"kind": "turn", "turn": 3, "score": "low"})
        Traceback (most recent call last):
        ...
        ValueError: has 'low' for score
    """
    if not isinstance(row, dict):
        raise ValueError("is no row")
    kind, turn = row.get("kind"), row.get("turn")
    if not isinstance(kind, str) or kind not in _NEEDED or not isinstance(turn, int) or isinstance(turn, bool) or turn < 0:
        raise ValueError("names no kind of row and no turn")
    if missing := next((name for name in _NEEDED[kind] if name not in row), None):
        raise ValueError(f"has no {missing}")
    for name, value in row.items():
        wanted = str if name.endswith(".failure") else _WORDS.get(name, (int, float, type(None)))
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise ValueError(f"has {str(value)[:40]!r} for {name[:40]}")
