"""Copies of a field, by `copy.deepcopy` and `pickle`."""

from typing import Any


class Copied:
    """The part of a field that makes copies: they share no tensor with it, and go on to the same bits."""

    def __getstate__(self: Any) -> dict[str, Any]:
        """Return what a copy needs: numbers without the graphs of the latest turn, and no lists of tensors, which a copy makes anew."""
        first = self.first and ({key: loss.detach() for key, loss in self.first[0].items()}, self.first[1])
        known = {movers: (plan.checked, plan.twice) for movers, plan in self._plans.items()}
        return vars(self) | {"first": first, "kept_graph": None, "_plans": known, "plan": None, "moving": None}

    def __setstate__(self: Any, state: dict[str, Any]) -> None:
        vars(self).update(state | {"_plans": {}})
        for movers, flags in state["_plans"].items():
            plan = self.plan_of(movers)
            plan.checked, plan.twice = flags
        self.plan = self.plan_of(self.movers)
        self.moving = self.plan.moving
