"""The telemetry of a population's turns: the signals of `arena.engine.signals`, for each of K members.

Shapes: K = members.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from arena.core.field.field import Field
from arena.core.game import Game
from arena.engine.signals import Divergence, Passage, Signals


class _Note(NamedTuple):
    turns: np.ndarray
    losses: dict[str, Tensor]
    norms: dict[str, Tensor]
    moves: dict[str, Tensor]


class _Update(NamedTuple):
    update: Tensor
    previous: Tensor | None
    moved: np.ndarray
    compares: np.ndarray


class BatchedSignals:
    """The signals of `arena.engine.signals.Signals` by name, each an array of shape (K,)."""

    def __init__(self, game: Game, count: int):
        self.game, self.count = game, count
        self.names = Signals(game).names
        self.values: dict[str, np.ndarray] = {}
        self.divergence: dict[int, Divergence] = {}
        self._notes: list[_Note | Passage] = []
        self._before: dict[str, Tensor] = {}
        self._previous: dict[str, Tensor] = {}
        self._compares: dict[str, np.ndarray] = {}
        self._updates: dict[str, _Update] = {}

    def before_move(self, roles: Sequence[str]) -> None:
        """Copy the parameters of the roles, for the update of a measured turn."""
        self._before = {role: self._flat(role) for role in roles}

    def after_move(self, moves: Mapping[str, np.ndarray]) -> None:
        """Take the update of the roles of `before_move`; `moves` are, by role, the members that have moved."""
        for role, before in self._before.items():
            moved = moves[role]
            update, previous = self._flat(role) - before, self._previous.get(role)
            compares = self._compares.get(role, np.zeros(self.count, dtype=bool))
            self._updates[role] = _Update(update, previous, moved, compares & moved)
            mask = torch.from_numpy(moved).to(update.device)[:, None]
            self._previous[role] = update if previous is None else torch.where(mask, update, previous)
            self._compares[role] = compares | moved
        self._before = {}

    def forget_updates(self) -> None:
        """Forget the previous updates, so that the next measured one has no cosine."""
        self._previous.clear()
        self._compares.clear()

    def note(self, turns: np.ndarray, field: Field, *, gradients: bool) -> None:
        """Keep the losses of a turn on the device, and with `gradients` the norms of its gradients.

        `turns` are the turns that each member has played, this one included.
        """
        if field.first is None:
            return
        losses, direction = field.first
        norms = {}
        if gradients:
            for key in field.movers:
                each = [direction[n] for n in field.parameters[key]]
                squares = [g.square().flatten(1).sum(1) if g.dim() > 1 else g.square() for g in each]
                norms[key] = torch.stack(squares).sum(0).sqrt()
        moves = {key: mask for key in field.movers if (mask := field.masks.get(key.partition(".")[0])) is not None}
        self._notes.append(_Note(turns.copy(), {key: losses[key].detach() for key in field.movers}, norms, moves))

    def note_passage(self, passage: Passage) -> None:
        """Keep the losses of several turns on the device."""
        self._notes.append(passage)
        self.forget_updates()

    def read(self) -> dict[str, np.ndarray]:
        """Fetch everything noted since the last call (one wait for the device) and return the latest value of each signal."""
        notes, self._notes = self._notes, []
        flat = [t for note in notes for t in _tensors(note)]
        table = torch.cat([t.to(torch.float64).reshape(-1, self.count) for t in flat]).cpu().numpy() if flat else np.empty((0, self.count))
        rows = iter(table)
        everyone = np.ones(self.count, dtype=bool)
        for n in notes:
            if isinstance(n, Passage):
                self._read_passage(n, rows, everyone)
                continue
            for key in n.losses:
                read = {what: next(rows) for what, table in (("loss", n.losses), ("gradient", n.norms)) if key in table}
                self._take(n.turns, key, read, next(rows) > 0 if key in n.moves else everyone)
        for role, (update, previous, moved, compares) in self._updates.items():
            self._set(f"{role}.update_norm", update.norm(dim=1).double().cpu().numpy(), moved)
            if previous is not None:
                cosine = torch.cosine_similarity(update, previous, dim=1).double().cpu().numpy()
                self._set(f"{role}.update_cosine", cosine, compares)
        self._updates = {}
        return {name: values.copy() for name, values in self.values.items()}

    def _read_passage(self, passage: Passage, rows: Iterator[np.ndarray], everyone: np.ndarray) -> None:
        """Take the numbers of several turns in their order, or those of the last one if no other can matter."""
        each = []
        for key, places in passage.places.items():
            losses = [next(rows) for _ in places]
            moves = [next(rows) > 0 for _ in places] if key in passage.moves else [everyone] * len(places)
            alike = key not in passage.moves and bool(np.isfinite(losses).all())
            each += [(place, key, loss, moved) for place, loss, moved in zip(places, losses, moves, strict=True)][-1 if alike else 0 :]
        for place, key, loss, moved in sorted(each, key=lambda one: one[0]):
            self._take(passage.turns[place], key, {"loss": loss}, moved)

    def _take(self, turns: np.ndarray, key: str, read: Mapping[str, np.ndarray], moved: np.ndarray) -> None:
        """Take one key's numbers of one turn."""
        for what, values in read.items():
            self._set(f"{key}.loss" if what == "loss" else f"{key}.gradient_norm", values, moved)
            for member in np.flatnonzero(moved & ~np.isfinite(values)):
                self.divergence.setdefault(int(member), Divergence(int(turns[member]), key.partition(".")[0], what))

    def forget(self, members: np.ndarray) -> None:
        """Reset the signals of these members."""
        for values in self.values.values():
            values[members] = 0.0
        for member in np.flatnonzero(members):
            self.divergence.pop(int(member), None)
        for compares in self._compares.values():
            compares[members] = False

    def _flat(self, role: str) -> Tensor:
        parameters = [p.detach() for p in self.game.players[role].parameters()]
        return torch.cat([p.flatten(1) if p.dim() > 1 else p[:, None] for p in parameters], dim=1)

    def _set(self, name: str, values: np.ndarray, where: np.ndarray) -> None:
        before = self.values.get(name)
        self.values[name] = np.where(where, values, 0.0 if before is None else before)

    def state_dict(self) -> dict[str, Any]:
        self.read()
        kept = {name: torch.from_numpy(values.copy()) for name, values in self.values.items()}
        compares = {role: torch.from_numpy(values.copy()) for role, values in self._compares.items()}
        return {"values": kept, "previous": dict(self._previous), "compares": compares}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.values = {name: values.numpy().copy() for name, values in state["values"].items()}
        self._previous = dict(state["previous"])
        self._compares = {role: compares.numpy().copy() for role, compares in state["compares"].items()}
        self._notes, self._before, self._updates, self.divergence = [], {}, {}, {}


def _tensors(note: _Note | Passage) -> list[Tensor]:
    norms = {} if isinstance(note, Passage) else note.norms
    return [table[key] for key in note.losses for table in (note.losses, norms, note.moves) if key in table]
