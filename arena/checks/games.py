"""check_game: prove, cheapest check first, that a game keeps its contract; an error names the part at fault.

Mathematics is checked in float64. A new check is one function of a `Subject` in `CHECKS`.
"""

import copy
from collections.abc import Callable

from arena.checks import contract, engines, mathematics
from arena.checks.report import Report, run_checks
from arena.checks.subject import Subject
from arena.core.game import Game
from arena.errors import GameFault

CHECKS: tuple[Callable[[Subject], None], ...] = (
    contract.slots_fit,
    contract.parameters_have_one_owner,
    contract.no_number_is_missing,
    contract.losses_are_finite_scalars,
    contract.no_parameter_is_dead,
    contract.the_seed_decides,
    contract.the_global_stream_is_untouched,
    contract.a_batch_is_frozen,
    mathematics.gradients_match_finite_differences,
    mathematics.at_coupling_zero_players_ignore_each_other,
    mathematics.zero_sum_sums_to_zero,
    mathematics.joint_loss_is_the_field,
    mathematics.the_field_vanishes_at_the_solution,
    contract.the_score_leaves_no_footprints,
    engines.a_population_equals_its_members,
    engines.gymnasium_accepts_it,
)


def check_game(game: Game | Callable[[], Game]) -> Report:
    """Run every check on a Game, or on a class or function that builds one, and return a report without a fault.

    Raises:
        GameFault: The first fault.
        DataUnavailable: The game's data are not on this machine.

    Example:
        >>> from arena.games import Bilinear
        >>> check_game(Bilinear).fault is None
        True
    """
    report = examine(game)
    if report.fault is not None:
        raise GameFault(report.fault)
    return report


def examine(game: Game | Callable[[], Game]) -> Report:
    """Like `check_game`, but return the fault in the report."""
    build = (lambda: copy.deepcopy(game)) if isinstance(game, Game) else game
    name = type(game).__name__ if isinstance(game, Game) else getattr(game, "__name__", "game")
    return run_checks(CHECKS, Subject(build), name, "game")
