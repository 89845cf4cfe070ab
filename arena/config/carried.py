"""What a run takes over from another one beside its players: the states of the optimizers and the rule's memory, where they fit."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.config.settings import Settings, flatten
from arena.config.weights import checkpoint_in
from arena.errors import CheckpointUnusable, cause


class Carried:
    """The memory of a checkpoint, which an episode begins with.

    Args:
        source: Run folder, with `@TURN` if wanted.
        settings: Settings of the run that begins, by dotted name.
    """

    def __init__(self, source: str, settings: Settings):
        self.file, state = checkpoint_in(source)
        self.turn, self._state, self._own = int(state["turn"]), state["arena"], settings
        self._theirs = flatten(yaml.safe_load(state.get("settings") or "{}"))

    def __call__(self, episode: Any) -> str:
        """Give an episode at its beginning what fits; return a sentence on what carries over, and what does not."""
        taken = [f"the {role}" for role in episode.game.roles if self._own.get(f"{role}.weights")]
        left = list[str]()
        try:
            for role, optimizer in episode.optimizers.items():
                (taken if self._optimizer(role, optimizer) else left).append(f"the {role}'s optimizer")
            (taken if self._rule(episode) else left).append("the rule's memory")
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointUnusable(f"the memory in {self.file} cannot be used ({cause(error)}). Fix: --begin_from ''") from error
        fresh = [*left, "turns, schedules, scheduler, data and scores"]
        source = f"{self.file.parent.parent} in turn {self.turn:,}"
        return f"carried over from {source}: {', '.join(taken) or 'nothing'}; begins anew: {', '.join(fresh)}"

    def _optimizer(self, role: str, optimizer: torch.optim.Optimizer) -> bool:
        saved, own = self._state.get("optimizers", {}).get(role), optimizer.state_dict()
        if saved is None or self._theirs.get(f"{role}.optimizer") != self._own[f"{role}.optimizer"]:
            return False
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if sum(len(group["params"]) for group in saved["param_groups"]) != len(parameters):
            return False
        for number, memory in saved["state"].items():
            if any(isinstance(t, Tensor) and t.dim() and t.shape != parameters[number].shape for t in memory.values()):
                return False
        optimizer.load_state_dict({**own, "state": copy.deepcopy(saved["state"])})  # the rates are those of this run
        return True

    def _rule(self, episode: Any) -> bool:
        if _rules(self._theirs) != _rules(self._own):
            return False
        shapes = {name: p.shape for name, p in [*episode.game.named_parameters(), *episode.game.named_buffers()]}
        if not _fits(self._state["rule"], shapes):
            return False
        on_device = tree_map(lambda leaf: leaf.to(episode.device, copy=True) if isinstance(leaf, Tensor) else leaf, self._state["rule"])
        episode.rule.load_state_dict(on_device)
        return True


def _rules(settings: Settings) -> dict[str, Any]:
    """Return the rule of a configuration with those that it wraps."""
    return {name: value for name, value in settings.items() if name.startswith("rule.") and name.endswith(".name")}


def _fits(memory: Any, shapes: Mapping[str, torch.Size]) -> bool:
    """Return whether every tensor that is kept under a parameter's name has its shape."""
    if not isinstance(memory, Mapping):
        return True
    return all(
        value.shape == shapes[name] if name in shapes and isinstance(value, Tensor) else _fits(value, shapes) and "players." not in name
        for name, value in memory.items()
    )
