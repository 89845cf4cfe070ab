"""Within a turn, the field is that of the present position, whichever optimizer moved the players there."""

import math

import pytest
import torch
from torch import Tensor

from arena import Arena, UpdateRule
from arena.config import configure
from arena.core.directions import Direction
from arena.engine.vector_env import Population
from arena.games import MatchingPennies
from arena.players import Vector
from arena.registry import entries
from arena.rules.turn import Turn

START, RATE = (1.0, -0.6), 0.1


class Alternating(UpdateRule):
    """One role after the other, each along the gradient at the position that the other has reached."""

    def __init__(self, keep: bool):
        self.keep = keep

    def step(self, turn: Turn) -> None:
        for role in turn.roles:
            v = turn.field.gradients(keep=self.keep)
            turn.move({name: v[name] for name in turn.field.names_of(role)}, roles=[role])


class Elsewhere(UpdateRule):
    """Notes v and Jᵀv at the start, after a move, at a placed position and after going back."""

    def __init__(self) -> None:
        self.seen: list[tuple[Tensor, Direction, Direction]] = []

    def step(self, turn: Turn) -> None:
        start = turn.position()
        self._note(turn)
        turn.move(turn.field.gradients())
        self._note(turn)
        turn.place({name: 2 * p for name, p in start.parameters.items()})
        self._note(turn)
        turn.restore(start)
        self._note(turn)
        with turn.field.placed({name: -p for name, p in start.parameters.items()}):
            self._note(turn)
        self._note(turn)

    def _note(self, turn: Turn) -> None:
        v = turn.field.gradients(keep=True)
        self.seen.append((torch.cat([p.detach().clone() for p in turn.field.moving.values()]), v, turn.field.vjp(v)))


class Unseen(torch.optim.SGD):
    """Plain descent that no version counter of torch shows."""

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                p.data.sub_(group["lr"] * p.grad)


def pennies() -> MatchingPennies:
    game = MatchingPennies(Vector(1), Vector(1)).double()
    with torch.no_grad():
        for p, start in zip(game.parameters(), START, strict=True):
            p.fill_(start)
    return game


def field_of(x: float, y: float) -> tuple[float, float]:
    """v = (−½ sech²(x/2) tanh(y/2), ½ tanh(x/2) sech²(y/2))."""
    return -0.5 / math.cosh(x / 2) ** 2 * math.tanh(y / 2), 0.5 * math.tanh(x / 2) / math.cosh(y / 2) ** 2


def transposed_product(x: float, y: float) -> tuple[float, float]:
    """Jᵀv from the second derivatives of f = tanh(x/2) tanh(y/2): J = [[−f_xx, −f_xy], [f_xy, f_yy]]."""
    t, s = math.tanh(x / 2), math.tanh(y / 2)
    dt, ds, ddt, dds = (1 - t * t) / 2, (1 - s * s) / 2, -t * (1 - t * t) / 2, -s * (1 - s * s) / 2
    v, w = field_of(x, y)
    return -ddt * s * v + dt * ds * w, -dt * ds * v + t * dds * w


@pytest.mark.parametrize("optimizer", [*entries("optimizer"), Unseen])
def test_keeping_the_graph_changes_no_move(optimizer: str | type[torch.optim.Optimizer]) -> None:
    factory = optimizer if not isinstance(optimizer, str) else entries("optimizer")[optimizer].target

    def end(keep: bool) -> list[float]:
        make = {role: lambda p: factory(p, lr=RATE) for role in ("even", "odd")}
        arena = Arena(pennies(), rule=Alternating(keep), optimizers=make, turns=5, dtype=torch.float64)
        for _ in range(5):
            arena.play_turn((1.0, 1.0, 1.0))
        return [p.item() for p in arena.game.parameters()]

    assert end(keep=True) == pytest.approx(end(keep=False), abs=1e-14)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_population_keeps_no_graph_past_a_move(optimizer: str) -> None:
    settings = {f"{role}.{name}": value for role in ("x", "y") for name, value in (("optimizer", optimizer), ("lr", RATE))}

    def ends(keep: bool) -> Tensor:
        base = configure("bilinear", {"rule": Alternating(keep), "dtype": "float64", "turns": 5, **settings})
        population = Population([base.vary({"seed": seed}) for seed in range(2)], check_equivalence=False)
        for _ in range(5):
            population.play_scheduled_turn()
        return torch.stack([p.detach().clone() for p in population.game.parameters()])

    torch.testing.assert_close(ends(keep=True), ends(keep=False), rtol=0, atol=1e-14)


def test_field_and_products_are_those_of_the_present_position() -> None:
    rule = Elsewhere()
    make = {role: lambda p: torch.optim.SGD(p, lr=RATE, fused=True) for role in ("even", "odd")}
    Arena(pennies(), rule=rule, optimizers=make, turns=1, dtype=torch.float64).play_turn((1.0, 1.0, 1.0))
    v = field_of(*START)
    moved = tuple(z - RATE * g for z, g in zip(START, v, strict=True))
    positions = [START, moved, tuple(2 * z for z in START), START, tuple(-z for z in START), START]
    for (at, found, pulled), expected in zip(rule.seen, positions, strict=True):
        x, y = expected
        assert at.tolist() == pytest.approx(expected, abs=1e-14)
        assert torch.cat([*found.values()]).tolist() == pytest.approx(field_of(x, y), abs=1e-14)
        assert torch.cat([*pulled.values()]).tolist() == pytest.approx(transposed_product(x, y), abs=1e-14)
