"""The arguments of a class or function, including those that a constructor hands on to the class it inherits from.

A constructor that takes `**settings` and passes them to `super().__init__` also has the arguments of that one, so that settings common to
many games are written once:

    class SwissRoll(Planar):
        def __init__(self, *, noise: float = 0.25, **settings: Any):
            super().__init__(noise=noise, **settings)

Arguments without a default in the base class are left out, because the subclass fills them in, best by name (`shape=(2,)`).
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from inspect import Parameter
from types import MappingProxyType
from typing import Any

_MANY = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_FILLED_IN = {"foreach", "maximize", "capturable", "differentiable", "fused", "params", "parameters", "progress", "inputs", "outputs"}
"""Arguments that the engine or torch fills in, so that they are no settings."""


@functools.cache
def parameters_of(target: Callable[..., Any]) -> Mapping[str, Parameter]:
    """Return the arguments by name, without `self` and without `*args` and `**settings` themselves.

    Args:
        target: A class or function.

    Example:
        >>> class Base:
        ...     def __init__(self, shape, batch: int = 8, noise: float = 0.0): ...
        >>> class Own(Base):
        ...     def __init__(self, noise: float = 0.5, **settings): super().__init__((2,), noise=noise, **settings)
        >>> {name: p.default for name, p in parameters_of(Own).items()}
        {'noise': 0.5, 'batch': 8}
    """
    found = {p.name: p for p in _signature(target) if p.kind not in _MANY}
    for cls in getattr(target, "__mro__", ()):
        if "__init__" not in vars(cls) or cls is object:
            continue
        hands_on = False
        for p in _signature(vars(cls)["__init__"])[1:]:
            hands_on = hands_on or p.kind is p.VAR_KEYWORD
            if p.kind not in _MANY and p.default is not p.empty:
                found.setdefault(p.name, p)
        if not hands_on:
            break
    return MappingProxyType(found)


def _signature(target: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters, with types that were written as text evaluated if that is possible."""
    try:
        return list(inspect.signature(target, eval_str=True).parameters.values())
    except NameError:  # a type that was imported for type checkers only
        return list(inspect.signature(target).parameters.values())


@functools.cache
def settings_of(target: Callable[..., Any]) -> Mapping[str, Parameter]:
    """Return the arguments that are settings: not those that the engine fills in, and no update rules, which are components themselves.

    Example:
        >>> def adam(parameters, lr: float = 1e-3): ...
        >>> list(settings_of(adam))
        ['lr']
    """
    skip = {*_FILLED_IN, *rules_in(target)}
    keyword = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return MappingProxyType({n: p for n, p in parameters_of(target).items() if n not in skip and p.kind in keyword})


@functools.cache
def rules_in(target: Callable[..., Any]) -> tuple[str, ...]:
    """Return the arguments that are update rules, such as the rule that an average follows."""
    found = []
    for name, p in parameters_of(target).items():
        for kind in typing.get_args(p.annotation) or (p.annotation,):
            if getattr(kind, "_arena_kind", None) == "rule":
                found.append(name)
    return tuple(found)
