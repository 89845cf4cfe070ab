"""Quadratic games under a rule, and the optimizers over which rules are tried."""

import functools

import torch
from torch import Tensor

from arena import Arena, UpdateRule
from arena.games import Quadratic
from arena.optimizers import adam, adamw, rmsprop, sgd

OPTIMIZERS = {
    "sgd": functools.partial(sgd, lr=0.1),
    "momentum": functools.partial(sgd, lr=0.05, momentum=0.9),
    "negative momentum": functools.partial(sgd, lr=0.05, momentum=-0.5),
    "rmsprop": functools.partial(rmsprop, lr=0.01),
    "adam": functools.partial(adam, lr=0.01, betas=(0.5, 0.9)),
    "adamw": functools.partial(adamw, lr=0.01),
}


BOTH = (1.0, 1.0, 1.0)


def random_jacobian(seed: int, first: int = 2, second: int = 3) -> Tensor:
    """Any J whose diagonal blocks are symmetric, as second derivatives are."""
    rng = torch.Generator().manual_seed(seed)
    j = torch.randn(first + second, first + second, generator=rng, dtype=torch.float64)
    for block in (slice(0, first), slice(first, None)):
        j[block, block] = (j[block, block] + j[block, block].T) / 2
    return j


def position(arena: Arena) -> Tensor:
    return torch.cat([p.detach().flatten() for p in arena.game.parameters()]).clone()


def quadratic(j: Tensor, rule: UpdateRule, rates: tuple[float, float], split: int = 2, optimizer: str = "sgd") -> Arena:
    build = functools.partial(Quadratic, matrix=tuple(map(tuple, j.tolist())), split=split)
    factories = {
        role: functools.partial(sgd, lr=rate) if optimizer == "sgd" else OPTIMIZERS[optimizer]
        for role, rate in zip("xy", rates, strict=True)
    }
    torch.set_default_dtype(torch.float64)
    try:
        arena = Arena(build, rule=rule, optimizers=factories, dtype=torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)
    return arena


XY = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
