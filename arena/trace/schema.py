"""The one schema of a trace row. A row is flat; `role` stands for a player's role and `key` for a role or `role.part`.

A field is left out where it was not measured for that row, and null where the number was not finite. Rows hold no times, so that the
traces of equal runs are equal bytes.
"""

FIELDS = {
    "kind": "'turn' for a row of measurements, 'alarm' for an alarm that rings or is over, 'end' for the last row of a run that is over",
    "turn": "turns played when the row was written",
    "progress": "turns played over the turn budget, in [0, 1]",
    "coupling": "λ of the latest turn, in [0, 1]",
    "gradient_evaluations": "gradients of one player's loss computed so far",
    "products": "products with the field's Jacobian computed so far",
    "key.loss": "the player's loss where its latest turn began",
    "key.gradient_norm": "norm of its own gradient there",
    "role.update_norm": "norm of its latest measured update",
    "role.update_cosine": "cosine of that update with the one before it",
    "role.learning_rate": "learning rate after its schedule, before its share",
    "role.share": "share of that rate in the latest turn in which it moved within the row",
    "role.moves": "moves made so far",
    "game.NAME": "the game's own signals, such as D(x), D(G(z)) and spread",
    "rule.NAME": "what the rule reports of its latest turn, such as the iterations and the residual of its solver",
    "score": "the game's score, lower is better",
    "ceiling": "the score that real data would get, where that means something",
    "best": "the lowest score so far",
    "metrics.NAME": "a metric of the game, such as precision and recall; `arena.games.gan.metrics` has one file for each",
    "ceilings.NAME": "what real data would get in that metric, where that means something",
    "diagnostics.ID.NAME": "a number of the diagnostic ID; `arena list diagnostics` names them, the docstring of each explains its numbers",
    "diagnostics.ID.failure": "in the place of its numbers, why there are none this time",
    "diagnostics.gradient_evaluations": "gradients that diagnostics have computed so far, which are not counted above",
    "diagnostics.products": "products with the field's Jacobian that diagnostics have computed so far",
    "alarm": "in an alarm's row, which one; `arena list alarms` names them",
    "raised": "there, whether it begins to ring or is over",
    "status": "in the end row: finished, solved, diverged, undefined (the rule had no answer) or alarmed (one that may end it rang)",
    "reason": "in the end row: which player went non-finite first, in what, and in which turn; what the rule lacked; or why an alarm rang",
}
