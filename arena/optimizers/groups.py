"""Groups of a player's parameters, by patterns of their names, with numbers of their own for its optimizer.

A pattern is matched against the names that `named_parameters` of the player gives, as `fnmatch` does: `*.bias`, `0.*`, `*`. The first that
fits decides. Parameters that no pattern fits keep the optimizer's own numbers; a scheduled learning rate multiplies that of each group.

https://docs.pytorch.org/docs/stable/optim.html#per-parameter-options
"""

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from arena.errors import ArenaError, UnknownName, check_number
from arena.optimizers.factories import OptimizerFactory


class Grouped:
    """Builds an optimizer whose groups follow from the names of a player's parameters.

    Args:
        factory: Builds the optimizer.
        numbers: By pattern, the numbers of its parameters.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 1))
        >>> build = Grouped(torch.optim.SGD, {"*.bias": {"lr": 0.5}})
        >>> optimizer = build(build.split(dict(net.named_parameters())))
        >>> [(group["lr"], len(group["params"])) for group in optimizer.param_groups]
        [(0.001, 1), (0.5, 1)]
    """

    def __init__(self, factory: OptimizerFactory, numbers: Mapping[str, Mapping[str, Any]]):
        self.factory, self.numbers = factory, dict(numbers)

    def split(self, named: Mapping[str, nn.Parameter]) -> list[dict[str, Any]]:
        """Return the parameters in groups; first those that no pattern fits.

        Raises:
            UnknownName: A pattern fits no parameter.
        """
        where = {name: next((p for p in self.numbers if fnmatch.fnmatchcase(name, p)), None) for name in named}
        for pattern in self.numbers:
            if not any(fnmatch.fnmatchcase(name, pattern) for name in named):
                raise UnknownName("pattern of parameters", pattern, named)
        patterns = [pattern for pattern in (None, *self.numbers) if pattern in where.values()]
        return [{"params": [named[n] for n in named if where[n] == p], **(self.numbers[p] if p is not None else {})} for p in patterns]

    def __call__(self, parameters: Iterable[Any]) -> torch.optim.Optimizer:
        """Build the optimizer.

        Raises:
            UnknownName: A group has a number that the optimizer does not know.
            ArenaError: The optimizer refuses a number of a group.
        """
        parameters = [*parameters]
        try:
            optimizer = self.factory(parameters)
        except (ValueError, TypeError) as error:
            raise ArenaError(f"the optimizer refuses the groups {self.numbers}: {error}") from error
        for own in self.numbers.values():
            for name, number in own.items():
                if name not in optimizer.defaults:
                    raise UnknownName("number of a group", name, optimizer.defaults)
                if name in ("lr", "weight_decay"):  # which torch checks for the first group only
                    check_number(f"{name} of a group", number, least=0)
        return optimizer
