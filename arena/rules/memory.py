"""Memory of an update rule: directions kept from turn to turn, for each member of a population."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from arena.core.directions import Direction, Where, aligned, choose, copied
from arena.core.field.field import Field


class Memory:
    """Directions that a rule keeps from turn to turn.

    In a population only members that move are written, and each member is recalled only if it was written before.
    """

    @property
    def memory(self) -> dict[str, Direction]:
        """Kept directions by name; saved in checkpoints."""
        return self.__dict__.setdefault("_memory", {})

    @property
    def _known(self) -> dict[str, dict[str, Tensor]]:
        """By name and parameter, the members that were written; an absent parameter was written for all."""
        return self.__dict__.setdefault("_known_", {})

    def attach(self, field: Field | None) -> None:
        """Attach the rule to a field, whose masks give the members that move."""
        self.__dict__["_field"] = field
        for inner in vars(self).values():
            if isinstance(inner, Memory):
                inner.attach(field)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_field"}  # a copied rule is not attached

    @property
    def field(self) -> Field:
        """The field that the rule is attached to."""
        return self.__dict__["_field"]

    def _movers(self, name: str) -> Tensor | None:
        """Return the members that move a parameter; None if all do."""
        field = self.__dict__.get("_field")
        return None if field is None or not field.masks else field.mask_of(name)

    def remember(self, name: str, direction: Direction, where: Where = True) -> None:
        """Keep a copy of a direction; absent parameters, and members that do not move, keep their former copy.

        Args:
            name: Name of the copy.
            direction: Tensors by parameter.
            where: Whether to keep anything, or the members to keep it for.
        """
        if where is False:
            return
        kept, known = dict(self.memory.get(name, {})), self._known.setdefault(name, {})
        for n, tensor in direction.items():
            mask = self._movers(n)
            if isinstance(where, Tensor):
                mask = where if mask is None else mask & where
            if mask is None:
                kept[n] = tensor.detach().clone()
                known.pop(n, None)
            elif n in kept:
                kept[n] = torch.where(aligned(mask, tensor), tensor.detach(), kept[n])  # type: ignore[arg-type]
                if n in known:
                    known[n] = known[n] | mask
            else:
                kept[n], known[n] = tensor.detach().clone(), mask.clone()
        self.memory[name] = kept

    def recall(self, name: str, moving: Mapping[str, Tensor], default: Direction | None = None) -> Direction:
        """Return the kept copy for the moving parameters; `default`, or else zero, if there is none."""
        kept, known, recalled = self.memory.get(name, {}), self._known.get(name, {}), {}
        for n, p in moving.items():
            nothing = torch.zeros_like(p) if default is None else default[n]
            masks = [m for m in (known.get(n), self._movers(n)) if m is not None]
            recalled[n] = kept.get(n, nothing)
            for mask in masks if n in kept else ():
                recalled[n] = torch.where(aligned(mask, nothing), recalled[n], nothing)  # type: ignore[arg-type]
        return recalled

    def knows(self, name: str, moving: Mapping[str, Tensor]) -> Where:
        """Return whether a copy is kept of all moving parameters; if members differ in that, the members for which it is."""
        kept, known = self.memory.get(name, {}), self._known.get(name, {})
        answer: Where = True
        for n in moving:
            movers = self._movers(n)
            if n not in kept:
                complete: Where = False if movers is None else ~movers
            elif n in known:
                complete = known[n] if movers is None else known[n] | ~movers
            else:
                continue
            answer = complete if answer is True else answer & complete
        return answer

    def kept(self, name: str) -> Direction | None:
        """Return the kept copy, with live parameters for members that have none; None if nothing was kept."""
        kept, known = self.memory.get(name), self._known.get(name)
        field = self.__dict__.get("_field")
        if not kept or not known or field is None:
            return kept
        return {n: choose(known[n], {n: t}, {n: field.live(n)})[n] if n in known else t for n, t in kept.items()}

    def forget(self, members: Tensor) -> None:
        """Forget the copies of these members of a population."""
        for name, kept in self.memory.items():
            known = self._known.setdefault(name, {})
            for n in kept:
                known[n] = known[n] & ~members if n in known else ~members

    def state_dict(self) -> dict[str, Any]:
        """The memory as a nested dictionary of tensors."""
        state = {"memory": {name: copied(direction) for name, direction in self.memory.items()}} if self.memory else {}
        known = {name: copied(masks) for name, masks in self._known.items() if masks}
        return state | ({"known": known} if known else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the memory from `state_dict`."""
        self.memory.clear()
        self.memory.update({name: copied(direction) for name, direction in state.get("memory", {}).items()})
        self._known.clear()
        self._known.update({name: copied(masks) for name, masks in state.get("known", {}).items()})
