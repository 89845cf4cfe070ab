"""Recorded turns. Where there is no GPU, what records is a stand-in that keeps the function and calls it again at a replay.

It shows that everything that changes from turn to turn goes through the graph's own tensors; that a real graph holds the same, only a GPU
can show.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from arena import configure
from arena.engine.cuda_graph import WARM, Graphs
from arena.engine.env import Arena
from arena.engine.vector_env import Population

SMALL: dict[str, Any] = {"generator.hidden": (8, 8), "discriminator.hidden": (8, 8), "batch": 16, "dtype": "float64", "turns": 60}


REPLAYS: list[int] = []


def recorded(arena: Any) -> Graphs:
    """The arena's turns, recorded by a stand-in that undoes what recording did."""

    def record(play: Callable[[], None]) -> Any:
        batch, coupling, movers = arena.field.batch, arena.field.coupling, arena.field.movers
        factors, idle = dict(arena.episode.turn._factors), arena.game.idle
        losses: dict[str, Any] = {}

        class Graph:
            def replay(self) -> None:
                REPLAYS.append(1)
                arena.field.freeze(batch, coupling, movers)
                arena.episode.turn.begin(factors)
                spent = arena.field.gradient_evaluations, arena.field.products
                now, arena.game.idle = arena.game.idle, idle  # a graph has the structure that it was recorded with
                play()
                arena.game.idle = now
                arena.field.gradient_evaluations, arena.field.products = spent  # a graph calls no Python, so it counts nothing
                for key, loss in arena.field.first[0].items():
                    losses[key].copy_(loss)

        state = [(p, p.detach().clone()) for p in (*arena.game.parameters(), *arena.game.buffers())]
        moments = [(t, t.clone()) for o in arena.optimizers.values() for s in o.state.values() for t in s.values() if torch.is_tensor(t)]
        play()
        losses |= {key: loss.detach().clone() for key, loss in arena.field.first[0].items()}
        arena.field.first = losses, arena.field.first[1]
        with torch.no_grad():
            for t, old in [*state, *moments]:
                t.copy_(old)
        return Graph()

    return Graphs(arena.field, arena.episode.turn, arena.rule, record)


@pytest.mark.parametrize("rule", ["simultaneous", "alternating", "extragradient", "consensus", "runge-kutta"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_replayed_turns_are_those_that_would_be_played(rule: str, optimizer: str) -> None:
    own = {f"{role}.{name}": v for role in ("generator", "discriminator") for name, v in (("optimizer", optimizer), ("schedule", "linear"))}
    config = configure("swiss-roll", {**SMALL, **own, "rule": rule, "coupling": "dann-ramp", "scheduler": "alternating"})
    plain, fast = config.build(), config.build()
    for arena in (plain, fast):
        arena.reset(seed=0)
    graphs = recorded(fast)
    REPLAYS.clear()
    for _ in range(30):
        plain.play_scheduled_turn()
        play(fast, graphs)
    assert graphs.why_not is None
    assert len(REPLAYS) == 30 - 2 * WARM
    for p, q in zip(plain.game.parameters(), fast.game.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-12, atol=1e-13)
    assert fast.field.cost == plain.field.cost


def play(arena: Arena, graphs: Graphs) -> None:
    arena.graphs = graphs
    arena.play_scheduled_turn()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"rule": "optimistic"}, "Optimistic keeps a memory from turn to turn"),
        ({"rule": "averaging"}, "Averaging keeps a memory from turn to turn"),
        ({"rule": "extragradient", "rule.moments": "restored"}, "Extragradient replaces the optimizers' state within a turn"),
    ],
)
def test_what_cannot_be_recorded_is_played_and_said(settings: dict[str, Any], why: str) -> None:
    config = configure("swiss-roll", {**SMALL, **settings, "generator.optimizer": "adam", "discriminator.optimizer": "adam"})
    plain, fast = config.build(), config.build()
    for arena in (plain, fast):
        arena.reset(seed=0)
    graphs = recorded(fast)
    for _ in range(WARM + 1):
        plain.play_scheduled_turn()
        play(fast, graphs)
    assert graphs.why_not == why


def test_a_population_is_recorded_too() -> None:
    base = configure("swiss-roll", SMALL)
    plain, fast = (Population([base.vary({"seed": seed}) for seed in range(3)]) for _ in range(2))
    for playing in (plain, fast):
        playing.reset()
    graphs = recorded(fast)
    REPLAYS.clear()
    fast.graphs = graphs
    for _ in range(20):
        plain.play_scheduled_turn()
        fast.play_scheduled_turn()
    assert len(REPLAYS) == 20 - 2 * WARM
    for p, q in zip(plain.game.parameters(), fast.game.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-12, atol=1e-13)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu() -> None:
    config = configure("swiss-roll", {**SMALL, "device": "cuda"})
    plain, fast = config.build(), config.vary({"cuda_graphs": True}).build()
    for arena in (plain, fast):
        arena.reset(seed=0)
    for _ in range(30):
        plain.play_scheduled_turn()
        fast.play_scheduled_turn()
    assert fast.graphs is not None
    assert fast.graphs.why_not is None
    for p, q in zip(plain.game.parameters(), fast.game.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-10, atol=1e-12)
