"""The budget of an experiment: gradient evaluations, a product with the Jacobian counted as three."""

from arena.config.config import Config
from arena.core.faults import faults_of
from arena.errors import RuleUndefined


def cost_per_turn(config: Config) -> float:
    """Return the gradient evaluations of a turn, measured over a few turns; raise GameFault if the game or the rule fails in them."""
    with faults_of(f"the beginning of {config.game.name}"):
        arena = config.build()
        arena.reset(seed=config.run.seed)
    turns = 4 * arena.scheduler.period
    try:
        for _ in range(turns):
            arena.play_scheduled_turn()
        before = arena.field.cost
        for _ in range(turns):
            arena.play_scheduled_turn()
    except RuleUndefined:
        return 2.0  # its run will have the reason
    return max((arena.field.cost - before) / turns, 1e-9)
