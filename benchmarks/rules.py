"""Time a turn of each update rule against simultaneous descent, and a Jacobian product against an evaluation of the field.

On the ring GAN (nets 2-128-128), in one process and one thread, rule and simultaneous descent alternately, chunk by chunk; a row gives the
median of the chunks' ratios. The stated count is the rule's number of gradient evaluations, a product counting as three, over the 2
of simultaneous descent; solvers state what they used.

    python -m benchmarks.rules            # about two minutes
    python -m benchmarks.rules --quick    # fewer chunks, as a smoke test
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch

from arena.config import configure
from arena.core.field.frozen import PRODUCT
from arena.engine.env import Arena
from arena.registry import entries
from benchmarks import processor, show_help

BOTH = (1.0, 1.0, 1.0)
SETTINGS = {"follow-the-ridge": {"rule.damping": 1.0, "rule.iterations": 5, "rule.incomplete": "accept"}}
"""Follow the Ridge as published for nets."""


def arena(rule: str, batch: int) -> Arena:
    """Return the ring GAN under a rule, with plain SGD at a learning rate that keeps every rule finite."""
    slow = {f"{role}.{what}": value for role in ("generator", "discriminator") for what, value in (("optimizer", "sgd"), ("lr", 1e-3))}
    settings = {"rule": rule, "scheduler": "simultaneous", "batch": batch, "turns": 10**9, **slow, **SETTINGS.get(rule, {})}
    settings |= {f"{role}.schedule": "constant" for role in ("generator", "discriminator")}
    ring = configure("ring", settings).build()
    ring.reset(seed=0)
    return ring


def seconds(play: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        play()
    return (time.perf_counter() - began) / times


def main() -> None:
    """Print both tables."""
    chunks, turns = (3, 5) if "--quick" in sys.argv else (15, 12)
    torch.set_num_threads(1)
    print(f"{processor()}, one thread; torch {torch.__version__}; ring GAN, nets 2-128-128, batch 256; median of {chunks} chunks\n")
    print("| rule | gradients | products | stated count | time | time / count |\n|---|---|---|---|---|---|", flush=True)
    plain = arena("simultaneous", 256)
    for rule in entries("rule"):
        ring = arena(rule, 256)
        for warm in (ring, plain):
            seconds(lambda a=warm: a.play_turn(BOTH), turns)  # type: ignore[misc]
        before = ring.field.gradient_evaluations, ring.field.products
        ratios = []
        for _ in range(chunks):
            base = seconds(lambda: plain.play_turn(BOTH), turns)
            ratios.append(seconds(lambda a=ring: a.play_turn(BOTH), turns) / base)  # type: ignore[misc]
            ring.read_signals(), plain.read_signals()
        played = chunks * turns
        gradients, products = (ring.field.gradient_evaluations - before[0]) / played, (ring.field.products - before[1]) / played
        count, ratio = (gradients + PRODUCT * products) / 2, statistics.median(ratios)
        over = "" if ratio <= 1.25 * count else " (more than 1.25)"
        print(f"| {rule} | {gradients:.3g} | {products:.3g} | {count:.3g}× | {ratio:.2f}× | {ratio / count:.2f}{over} |", flush=True)
    print(
        "\n| product with the Jacobian of the 2-128-128 GAN | batch | wanted | over one field evaluation |\n|---|---|---|---|", flush=True
    )
    for batch in (64, 256, 1024):
        ring = arena("simultaneous", batch)
        ring.play_turn(BOTH)
        field = ring.field
        tangent = {name: p.detach().clone() for name, p in field.moving.items()}

        def forget_and(product: Callable[[], object], field=field) -> None:  # type: ignore[no-untyped-def]
            field.kept_graph = None  # every product builds its own graph
            product()

        for what, product in (("J·t", lambda f=field, t=tangent: f.jvp(t)), ("Jᵀ·c", lambda f=field, t=tangent: f.vjp(t))):  # type: ignore[misc]
            ratios = []
            for _ in range(chunks + 1):
                base = seconds(field.gradients, turns)
                ratios.append(seconds(lambda p=product: forget_and(p), turns) / base)  # type: ignore[misc]
            print(f"| {what} | {batch} | ≤ 3.5× | {statistics.median(ratios[1:]):.2f}× |", flush=True)


if __name__ == "__main__":
    show_help(__doc__)
    main()
