"""One turn, of one game or of a population: a batch, the field, the rule, the moves.

Everything here is written over `Number`: a float, or one number for each member. Nothing in a turn waits for the device.
"""

from arena.core.faults import faults_of
from arena.engine.blocks import Blocks
from arena.engine.episode import Episode
from arena.engine.measuring import read_signals
from arena.engine.members.per_member import Shares
from arena.errors import ArenaError, RuleUndefined

_UNREAD: dict[str, float] = {}


def play(episode: Episode, first: Shares, second: Shares, coupling: Shares, measure: bool = False) -> None:
    """Play one turn.

    Args:
        episode: The episode of one game or of a population.
        first: Share of its learning rate with which player 1 moves, in [0, 1]; at 0 the player does not move.
        second: Share of player 2.
        coupling: λ as a share of the game's `max_coupling`, in [0, 1].
        measure: Also take the update's norm and cosine.

    Raises:
        RuleUndefined: The rule is undefined here.
        GameFault: The rule or the game fails.
        RunFailed: Memory runs out.
    """
    if episode.resting:
        episode.wake()
    episode.coupling = coupling
    moving, shares = episode.who_moves(first, second)
    if episode.batch_spent:
        with faults_of(f"{type(episode.game).__name__}.sample"):
            episode.draw()
    if shares:
        signals, graphs = episode.signals, episode.graphs
        episode.movers, episode.masks = moving.keys, moving.masks
        if episode.scheduled_buffers:
            episode.update_buffers(moving, shares)
        factors = episode.factors(shares)
        if measure:
            signals.before_move(moving.roles)
        else:
            signals.forget_updates()
        try:
            if measure or moving.masks or graphs is None or not graphs.play(moving.keys, episode.batch, episode.lam, factors):
                episode.freeze()
                episode.turn.begin(factors)
                episode.rule.step(episode.turn)
        except RuleUndefined as error:
            raise RuleUndefined(f"{type(episode.rule).__name__} in turn {_latest(episode) + 1}: {error}") from error
        except ArenaError:
            raise
        except Exception as error:
            raise episode.fault(error) from error
        episode.count(shares)
        signals.note(episode.turns_played, episode.field, gradients=measure)
        if measure:
            signals.after_move(episode.moved(shares))
    else:
        episode.count(shares)
    until = episode.game.batch_until
    episode.batch_spent = until is None or until in shares


def play_scheduled(episode: Episode, measure: bool = False) -> None:
    """Play one turn with the scheduler's action; it is measured if the next action reads its signals, as every turn of `step` is."""
    first, second, coupling = episode.action(read_signals(episode) if episode.observes else _UNREAD)
    play(episode, first, second, coupling, measure or episode.observes)


def play_ahead(episode: Episode, most: int) -> None:
    """Play at least one turn with the scheduler's actions, unmeasured; in compiled blocks up to `most`."""
    if not episode.in_blocks:
        play_scheduled(episode)
        return
    if episode.blocks is None:
        episode.blocks = Blocks(episode)
    if episode.blocks.why_not is None:
        episode.blocks.play(most, play)
    else:
        play_scheduled(episode)


def _latest(episode: Episode) -> int:
    """Return the turns played; in a population, those of the most advanced member."""
    return int(episode.turns_played if episode.members is None else episode.turns_played.max())
