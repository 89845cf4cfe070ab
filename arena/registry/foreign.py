"""Classes and functions that were not written for this project, in the form of a kind.

| kind | what is taken |
|---|---|
| optimizer | a class derived from `torch.optim.Optimizer`; a function of the parameters |
| schedule | a function of the progress; a class of `torch.optim.lr_scheduler`, whose rate at lr 1 is the schedule |
| player | a function that says that it returns an `nn.Module` |
| sampler, pruner | a class derived from Optuna's `BaseSampler`, `BasePruner` |
| executor, backend | a function whose first argument is `work`, `sweep` |

An optimizer or a schedule of a file may call its first argument as it likes; one that is named by an import path must call it `parameters`,
`params` or `progress`, so that no other function of a library is taken for one.
"""

import functools
import importlib
import inspect
import warnings
from collections.abc import Callable
from inspect import Parameter
from typing import Any

from arena.errors import ArenaError, cause, check_number

BASES = {
    "optimizer": ("torch.optim", "Optimizer"),
    "schedule": ("torch.optim.lr_scheduler", "LRScheduler"),
    "sampler": ("optuna.samplers", "BaseSampler"),
    "pruner": ("optuna.pruners", "BasePruner"),
}
"""Modules and names of the base classes, which are imported only if a class is looked at."""
FIRST = {"optimizer": ("parameters", "params"), "schedule": ("progress",), "executor": ("work",), "backend": ("sweep",)}
"""Names of the argument that the arena fills in; the first one is that of its own functions."""
STEPS = 100


def fits(kind: str, member: object, *, own: bool) -> bool:
    """Return whether a class or function can be put into the form of a kind.

    Args:
        kind: Such as `optimizer`.
        member: Any object.
        own: Whether it stands in a file that the user named, so that its first argument may have any name.

    Example:
        >>> import torch
        >>> fits("optimizer", torch.optim.NAdam, own=False), fits("schedule", torch.optim.NAdam, own=True)
        (True, False)
    """
    if kind in BASES and inspect.isclass(member):
        module, name = BASES[kind]
        base = getattr(importlib.import_module(module), name)
        return issubclass(member, base) and member is not base
    if kind == "player" and inspect.isfunction(member):
        from torch import nn

        returned = inspect.signature(member).return_annotation
        is_named = isinstance(returned, str) and returned.endswith("Module")
        return is_named or (inspect.isclass(returned) and issubclass(returned, nn.Module))
    if kind not in FIRST or not inspect.isfunction(member):
        return False
    first, *others = inspect.signature(member).parameters.values()
    positional = first.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) and first.default is Parameter.empty
    is_other = any(first.name in names for other, names in FIRST.items() if other != kind)
    alone = all(p.default is not Parameter.empty or p.kind is Parameter.VAR_KEYWORD for p in others)
    return positional and (first.name in FIRST[kind] or (own and alone and not is_other))


@functools.cache
def fitted(kind: str, member: Callable[..., Any]) -> Callable[..., Any]:
    """Return a class or function that fits a kind in its form.

    Example:
        >>> def decay(p, rate: float = 2.0): return (1 - p) ** rate
        >>> list(inspect.signature(fitted("schedule", decay)).parameters)
        ['progress', 'rate']
        >>> from torch.optim.lr_scheduler import ExponentialLR
        >>> round(fitted("schedule", ExponentialLR)(0.1, gamma=0.9), 4)  # after 10 of 100 steps
        0.3487
    """
    if kind == "schedule" and inspect.isclass(member):
        return _schedule_of(member)
    if kind not in FIRST or not inspect.isfunction(member):
        return member
    function, (first, *others) = member, inspect.signature(member, eval_str=True).parameters.values()
    if first.name in FIRST[kind]:
        return member

    @functools.wraps(function)
    def renamed(given: Any, /, **settings: Any) -> Any:
        return function(given, **settings)

    renamed.__signature__ = inspect.Signature([first.replace(name=FIRST[kind][0]), *others])  # type: ignore[attr-defined]
    return renamed


def _schedule_of(cls: type) -> Callable[..., float]:
    """Return a scheduler of torch as a schedule: at progress p, the rate of an optimizer with rate 1 after p · `steps` steps."""
    own = [p for name, p in inspect.signature(cls).parameters.items() if name not in ("optimizer", "last_epoch", "verbose")]

    def schedule(progress: float, *, steps: int = STEPS, **settings: Any) -> float:
        check_number("steps", steps, least=1, whole=True)
        return _rates(cls, steps, tuple(sorted(settings.items())))[min(steps, int(progress * steps + 1e-9))]

    schedule.__name__, schedule.__qualname__, schedule.__module__, schedule.__doc__ = (
        cls.__name__, cls.__qualname__, cls.__module__, inspect.getdoc(cls),
    )  # fmt: skip
    first = Parameter("progress", Parameter.POSITIONAL_OR_KEYWORD, annotation=float)
    steps = Parameter("steps", Parameter.KEYWORD_ONLY, default=STEPS, annotation=int)
    schedule.__signature__ = inspect.Signature([first, *(p.replace(kind=Parameter.KEYWORD_ONLY) for p in own), steps])  # type: ignore[attr-defined]
    return schedule


@functools.lru_cache(maxsize=256)
def _rates(cls: type, steps: int, settings: tuple[tuple[str, Any], ...]) -> tuple[float, ...]:
    """Return the rate of an optimizer with rate 1 before each step and after the last one."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that no step of the optimizer was taken
            scheduler = cls(optimizer, **dict(settings))
            rates = [float(optimizer.param_groups[0]["lr"])]
            for _ in range(steps):
                scheduler.step()
                rates.append(float(optimizer.param_groups[0]["lr"]))
    except Exception as error:
        raise ArenaError(
            f"{cls.__name__} cannot be a schedule ({cause(error)}). Expected a scheduler of torch.optim.lr_scheduler that needs numbers "
            f"only and takes {steps:,} steps. Fix: give its settings, or choose one of `arena list schedules`"
        ) from error
    return tuple(rates)
