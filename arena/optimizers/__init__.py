"""Optimizers of torch under short names, in their fast forms, for one game and for a population; a new file is found."""

from arena.optimizers.clipping import Clipping, clipped
from arena.optimizers.factories import LeanAdam, LeanAdamW, OptimizerFactory, adam, adamw, normalized, rmsprop, sgd, sign

__all__ = ["Clipping", "LeanAdam", "LeanAdamW", "OptimizerFactory", "adam", "adamw", "clipped", "normalized", "rmsprop", "sgd", "sign"]
