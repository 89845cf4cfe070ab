"""Blocks of turns as one program of XLA, with the game, the rule, the optimizers and the schedulers as they are written.

One turn of each kind is recorded (`arena.engine.turn_record`), and a loop over the recorded turns is compiled (`arena.accelerate.xla`).
Batches are drawn by the run's own streams, so that the data are those of a run without XLA; the state is put back after each block, so
that looks and checkpoints do not differ. Turns that cannot be recorded are played by the rule, and `why_not` gives the reason.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from arena.accelerate import xla
from arena.accelerate.recorded_turn import CannotRecord, Grows
from arena.core.faults import described
from arena.core.game import Batch
from arena.engine.block_inputs import Inputs
from arena.engine.episode import Episode, Moving
from arena.engine.signals import Passage
from arena.engine.turn_record import Given, Kind, Recorded, State, drawing, record_turn, shape_of
from arena.optimizers.batched import BatchedOptimizer

LONGEST = 128
"""Most turns in a block."""

NUMBERS = 2**23
"""Most numbers in the batches of a block."""

WARM = 3
"""Turns of each kind that are played before it is recorded, so that moments and memories exist."""

PlayTurn = Callable[..., None]
"""Plays a turn, given the shares and the coupling, as `arena.engine.turn_engine.play` does."""


class _Turn(NamedTuple):
    """A turn of a block.

    Args:
        kind: Its kind.
        moving: Its movers.
        batches: Its batches; none if they are drawn with those of the whole block.
        numbers: λ, the factors and the scheduled numbers.
        played: Turns played when it is over.
    """

    kind: Kind
    moving: Moving
    batches: list[Batch]
    numbers: list[Any]
    played: Any


class _Example(NamedTuple):
    """A turn that the rule has played, with which the program is compared."""

    kind: Kind
    before: list[Tensor]
    given: Given
    after: list[Tensor]


class Blocks:
    """The compiled blocks of one episode.

    Args:
        episode: The episode.

    Attributes:
        missing: Reason for which XLA cannot be used on this machine; None if it can.
        why_not: Reason for which turns are played one by one; None if blocks are compiled.
    """

    def __init__(self, episode: Episode):
        self.episode = episode
        self.missing = xla.why_missing()
        self.why_not = self.missing or _obstacle(episode)
        self._state, self._inputs = State(episode), Inputs(episode)
        self._shape: Any = None
        self._waits: Any = None
        self._draws: dict[Kind, int] = {}
        self._seen: dict[Kind, int] = {}
        self._recorded: dict[Kind, Recorded] = {}
        self._examples: list[_Example] = []
        self._kinds: list[Kind] = []  # of the program
        self._program: xla.Program | None = None
        self._length = LONGEST
        self._passed: list[tuple[int, list[float]]] = []
        for optimizer in episode.optimizers.values():
            if isinstance(optimizer, BatchedOptimizer):
                optimizer.count_on_device()

    @property
    def recorded(self) -> bool:
        """Whether a turn has been recorded."""
        return bool(self._recorded)

    def play(self, limit: int, play_turn: PlayTurn) -> None:
        """Play at least one turn with the scheduler's actions, and at most `limit`.

        Args:
            limit: Turns until the next look.
            play_turn: Plays a turn by the rule.
        """
        episode = self.episode
        if episode.resting:
            episode.wake()
        self._passed = []
        block: list[_Turn] = []
        together, alone = self._inputs.of_block, episode.members is None
        until = episode.game.batch_until
        if self._state.shape() != self._shape:
            self._kinds = []
        while len(block) < min(limit, self._length):
            action = episode.action({})
            moving, shares = episode.who_moves(*action[:2])
            if shares and episode.scheduled_buffers:
                episode.update_buffers(moving, shares)
            kind = Kind.of(episode, moving)
            if kind not in self._kinds:
                self._flush(block)
                self._alone(kind, moving, action, shares, play_turn)
                return
            episode.coupling = action[2]
            recorded = self._recorded[kind]
            batches = [] if together else self._inputs.drawn(recorded.draws)
            if batches and shape_of(batches) != recorded.shape:  # a batch of another size
                self._flush(block)
                with drawing(episode, batches):
                    play_turn(episode, *action)
                return
            numbers = self._inputs.numbers(shares)
            episode.count(shares)
            block.append(_Turn(kind, moving, batches, numbers, episode.turns_played if alone else episode.turns_played.copy()))
            episode.batch_spent = until is None or until in shares
        self._flush(block)

    def take_passed(self) -> list[tuple[int, list[float]]]:
        """Return the turns of the latest block and the positions after them, once, if the game keeps the positions of its players."""
        passed, self._passed = self._passed, []
        return passed

    def _flush(self, block: list[_Turn]) -> None:
        """Play the turns of a block."""
        if not block:
            return
        episode, program = self.episode, self._program
        assert program is not None
        kinds = [turn.kind for turn in block]
        if self._inputs.of_block:
            batches = self._inputs.taken([self._recorded[kind].draws for kind in kinds])
        else:
            each = [[t for t in tree_flatten(turn.batches)[0] if isinstance(t, Tensor)] for turn in block]
            batches = [torch.stack(column) for column in zip(*each, strict=True)]
        numbers = self._inputs.together([turn.numbers for turn in block])
        masks = self._inputs.masks([turn.moving for turn in block])
        try:
            after, results = program(self._state.read(), [self._kinds.index(kind) for kind in kinds], batches, numbers, masks)
        except Exception as error:
            raise episode.fault(error) from error
        self._state.write(after)
        field, keys = episode.field, episode.game.keys
        if positions := results[len(keys) :]:
            self._passed = [*zip((turn.played for turn in block), torch.stack(positions, 1).tolist(), strict=False)]
        field.first = None
        episode.signals.note_passage(_passage(block, dict(zip(keys, results, strict=False)), masks, episode.game.roles))
        for kind in kinds:
            evaluations, products = self._recorded[kind].costs
            field.gradient_evaluations += evaluations
            field.products += products

    def _alone(self, kind: Kind, moving: Moving, action: Any, shares: dict[str, Any], play_turn: PlayTurn) -> None:
        """Play one turn by the rule; record it if its kind has been seen often enough."""
        episode, shape = self.episode, self._state.shape()
        if self._shape != shape:  # the first turns, or the rule's memory has changed its form
            self._seen, self._recorded, self._examples, self._shape = {}, {}, [], shape
        if kind.roles:
            self._seen[kind] = self._seen.get(kind, 0) + 1
        warm = kind.roles and min(self._seen.values()) > WARM and self._waits != shape
        if warm and kind not in self._recorded:
            self._record(kind, moving, action, shares, play_turn)
        else:
            self._counting(kind, action, play_turn)
            if warm and self._recorded.keys() >= self._seen.keys():
                self._compile()
        if episode.game.path:
            self._passed.append((episode.turns_played, [p.item() for p in episode.game.parameters()]))

    def _record(self, kind: Kind, moving: Moving, action: Any, shares: dict[str, Any], play_turn: PlayTurn) -> None:
        """Record a turn, and play it by the rule."""
        episode, shape = self.episode, self._shape
        episode.coupling = action[2]
        batches = self._inputs.drawn(self._draws.get(kind, 1) if kind.fresh else 0)
        given = Given(batches, self._inputs.together([self._inputs.numbers(shares)])[0], self._inputs.masks([moving])[0])
        try:
            self._recorded[kind] = record_turn(episode, self._state, kind, given, len(given.batches) if kind.fresh else 0)
        except Grows:
            self._waits = shape
        except Exception as error:  # whatever a game's code raises where its tensors are traced
            self.why_not = self._sentence(error)
        before = self._state.copy()
        with drawing(episode, given.batches if kind.fresh else []):
            play_turn(episode, *action)
        if kind in self._recorded and shape == self._state.shape():
            self._examples.append(_Example(kind, before, given, self._state.copy()))

    def _counting(self, kind: Kind, action: Any, play_turn: PlayTurn) -> None:
        """Play a turn by the rule, and count the batches that it draws."""
        episode, drawn = self.episode, [0]
        of_stream = episode.next_batch

        def count() -> Any:
            drawn[0] += 1
            return of_stream()

        episode.__dict__["next_batch"] = count
        try:
            play_turn(episode, *action)
        finally:
            del episode.__dict__["next_batch"]
        self._draws[kind] = drawn[0]

    def _compile(self) -> None:
        """Make the program, and compare it with the turns that the rule has played."""
        numbers = max(sum(t.numel() for t in example.given.drawn()) for example in self._examples)
        self._length = max(1, min(LONGEST, NUMBERS // max(1, numbers)))
        kinds = [*self._recorded]
        self._kinds = []
        try:
            layouts = {tuple(t.shape for t in example.given.drawn()) for example in self._examples}
            if len(layouts) > 1:
                raise CannotRecord("its turns have batches of different shapes")
            graphs = [recorded.graph for recorded in self._recorded.values()]
            program = xla.Program(graphs, self._state.read(), self._length, one_thread=torch.get_num_threads() == 1)
            for kind, before, given, after in self._examples:
                first = [t.unsqueeze(0) for t in (*given.drawn(), given.numbers, given.masks)]
                found, _ = program(before, [kinds.index(kind)], first[:-2], *first[-2:])
                if (off := _difference(before, found, after)) > 0.05:
                    raise CannotRecord(f"XLA moves the players elsewhere than the rule does, by {off:.0%} of a turn")
        except Exception as error:  # whatever a compiler raises
            self.why_not = self._sentence(error)
            return
        self._program, self._kinds, self._examples = program, kinds, []

    def _sentence(self, error: Exception) -> str:
        episode = self.episode
        if isinstance(error, (CannotRecord, xla.CannotLower)):
            place = described(error.__cause__).rpartition("; ")[2] if isinstance(error.__cause__, Exception) else ""
            what = str(error).partition("\n")[0] + (f"; {place}" if place else "")
        else:
            what = described(error)
        return f"{type(episode.rule).__name__} on {type(episode.game).__name__} is played without XLA ({what})"


def _obstacle(episode: Episode) -> str | None:
    """Return why an episode cannot be played in blocks; None if it can be tried."""
    name = type(episode.game).__name__
    if episode.field.stochastic:
        return f"{name} is played without XLA, because its players draw random numbers (dropout)"
    if episode.observes:
        return f"{name} is played without XLA, because its scheduler reads the signals of every turn"
    if type(episode.field).__name__ == "ShardedField":
        return f"{name} is played without XLA, because its batches are split"
    return None


def _passage(block: list[_Turn], losses: dict[str, Tensor], masks: Tensor, roles: Sequence[str]) -> Passage:
    """Return the losses of a block as the signals take them; masks are those of its turns."""
    of_key = {key: [place for place, turn in enumerate(block) if key in turn.kind.keys] for key in losses}
    places = {key: own for key, own in of_key.items() if own}
    masked = {role for turn in block for role in turn.kind.masked} if masks.numel() else set()
    moves = {key: masks[places[key], roles.index(role)] for key in places if (role := key.partition(".")[0]) in masked}
    return Passage([turn.played for turn in block], places, {key: losses[key][own] for key, own in places.items()}, moves)


def _difference(before: list[Tensor], found: list[Tensor], wanted: list[Tensor]) -> float:
    """Return the largest distance between two states of a tensor after a turn, as a share of its change in the turn."""
    worst = 0.0
    for old, own, other in ([t.double() for t in three] for three in zip(before, found, wanted, strict=True)):
        apart = (own - other).norm() / ((other - old).norm() + 1e-5 * other.norm() + 1e-12)
        if torch.isfinite(other).all():
            worst = max(worst, float(apart) if torch.isfinite(apart) else 1.0)
    return worst
