"""Optimizers of torch under short names, in their fast forms, for one game and for a population; a new file is found."""

import importlib
import pkgutil

from arena.optimizers.factories import LeanAdam, LeanAdamW, OptimizerFactory, adam, adamw, normalized, rmsprop, sgd, sign

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["LeanAdam", "LeanAdamW", "OptimizerFactory", "adam", "adamw", "normalized", "rmsprop", "sgd", "sign"]
