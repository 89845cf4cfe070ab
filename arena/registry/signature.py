"""The arguments of a class or function, including those that a constructor passes on to its base class.

A constructor that takes `**settings` and passes them to `super().__init__` also has the arguments of the base class, so that settings
common to many games are written once:

    class SwissRoll(Planar):
        def __init__(self, *, noise: float = 0.25, **settings: Any):
            super().__init__(noise=noise, **settings)

Arguments of the base class without a default are left out, because the subclass fills them in, best by name (`shape=(2,)`).
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
    """Return the arguments by name, without `self`, `*args` and `**settings`.

    Example:
        >>> class Base:
        ...     def __init__(self, shape, batch: int = 8, noise: float = 0.0): ...
        >>> class Own(Base):
        ...     def __init__(self, noise: float = 0.5, **settings): super().__init__((2,), noise=noise, **settings)
        >>> {name: p.default for name, p in parameters_of(Own).items()}
        {'noise': 0.5, 'batch': 8}
    """
    parameters: dict[str, Parameter] = {}
    first = True
    for cls in getattr(target, "__mro__", (target,)):
        if inspect.isclass(target) and (cls is object or "__init__" not in vars(cls)):
            continue
        function = vars(cls)["__init__"] if inspect.isclass(target) else target
        try:
            signature = inspect.signature(function, eval_str=True)
        except NameError:  # a type that was imported for type checkers only
            signature = inspect.signature(function)
        passed_on = False
        for name, p in list(signature.parameters.items())[inspect.isclass(target) :]:
            passed_on = passed_on or p.kind is p.VAR_KEYWORD
            if p.kind not in _MANY and (first or p.default is not p.empty):
                parameters.setdefault(name, p)
        if not passed_on:
            break
        first = False
    return MappingProxyType(parameters)


@functools.cache
def settings_of(target: Callable[..., Any]) -> Mapping[str, Parameter]:
    """Return the arguments that are settings: all but those that the engine fills in and update rules, which are components.

    Example:
        >>> def adam(parameters, lr: float = 1e-3): ...
        >>> list(settings_of(adam))
        ['lr']
    """
    skip = {*_FILLED_IN, *rules_in(target)}
    settings = dict(parameters_of(target))
    for name, p in parameters_of(target).items():
        if name in skip or p.kind not in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY):
            del settings[name]
    return MappingProxyType(settings)


@functools.cache
def rules_in(target: Callable[..., Any]) -> tuple[str, ...]:
    """Return the arguments that are update rules, such as the rule that an average follows."""
    names = []
    for name, p in parameters_of(target).items():
        for kind in typing.get_args(p.annotation) or (p.annotation,):
            if getattr(kind, "_arena_kind", None) == "rule":
                names.append(name)
    return tuple(names)
