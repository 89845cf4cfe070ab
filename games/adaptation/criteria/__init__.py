"""Choosing a checkpoint without target labels: one criterion a file. A new file is found by itself.

Whoever tunes by target labels has used them for training. A criterion looks at the labelled source and at unlabelled target examples only;
how good it is shows where labels exist, beside the choice of an oracle that peeks (`arena choose`).
"""

import functools
import importlib
import pkgutil

from arena.games.adaptation.criteria.base import Criterion, Outputs
from arena.registry.entries import dashed

__all__ = ["Criterion", "Outputs", "criteria"]


@functools.cache
def criteria() -> dict[str, Criterion]:
    """Every criterion by its name: that of its class, in lower case with dashes.

    Example:
        >>> list(criteria())
        ['deep-embedded-validation', 'entropy', 'information-maximisation', 'soft-neighbourhood-density', 'source-accuracy']
    """
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    found = [kind for kind in Criterion.__subclasses__() if kind.__module__.startswith(f"{__name__}.")]
    return dict(sorted((dashed(kind.__name__), kind()) for kind in found))
