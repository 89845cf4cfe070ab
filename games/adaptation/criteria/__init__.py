"""Criteria that choose a checkpoint without target labels, one file each. A new file here is found automatically.

Tuning by target labels would be training on them. A criterion uses the labelled source and unlabelled target examples only; with labels,
`arena choose` compares its choice with that of an oracle.
"""

import functools

from arena.games.adaptation.criteria.base import Criterion, Outputs
from arena.registry.entries import shelf

__all__ = ["Criterion", "Outputs", "criteria"]


@functools.cache
def criteria() -> dict[str, Criterion]:
    """Every criterion by its name: that of its class, in lower case with dashes.

    Example:
        >>> list(criteria())
        ['deep-embedded-validation', 'entropy', 'information-maximisation', 'soft-neighbourhood-density', 'source-accuracy']
    """
    return shelf(Criterion, __name__)  # type: ignore[type-abstract]
