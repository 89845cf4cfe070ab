"""The arguments of a class or function, also those that a constructor hands on to the class that it inherits from.

A constructor that takes `**settings` and gives them to `super().__init__` has the arguments of that one too, so that settings common to
many games are written once:

    class SwissRoll(Planar):
        def __init__(self, *, noise: float = 0.25, **settings: Any):
            super().__init__(noise=noise, **settings)

What the base has no default for is not among them: that is what a subclass fills in, best by name (`shape=(2,)`).
"""

import inspect
from collections.abc import Callable
from typing import Any

_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def parameters_of(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The arguments by name, without `self` and without `*args` and `**settings` themselves.

    Args:
        target: a class or function.

    Example:
        >>> class Base:
        ...     def __init__(self, shape, batch: int = 8, noise: float = 0.0): ...
        >>> class Own(Base):
        ...     def __init__(self, noise: float = 0.5, **settings): super().__init__((2,), noise=noise, **settings)
        >>> {name: p.default for name, p in parameters_of(Own).items()}
        {'noise': 0.5, 'batch': 8}
    """
    found = {name: p for name, p in inspect.signature(target).parameters.items() if p.kind not in _MANY}
    for cls in (cls for cls in getattr(target, "__mro__", ()) if "__init__" in vars(cls) and cls is not object):
        _, *own = inspect.signature(vars(cls)["__init__"]).parameters.values()
        inherited = {p.name: p for p in own if p.kind not in _MANY and p.default is not p.empty}
        found = {**found, **{name: p for name, p in inherited.items() if name not in found}}
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            break
    return found
