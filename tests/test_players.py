"""Players keep what they promise, whoever moves them."""

import functools

import pytest
import torch

from arena import Arena
from arena.optimizers import sgd
from games import Bilinear
from players import Vector


def test_a_bounded_vector_never_leaves_its_bound() -> None:
    """Weight clipping: at learning rate 1 on f = xy the free player runs off, the bounded one stays."""
    fast = functools.partial(sgd, lr=1.0)
    arena = Arena(functools.partial(Bilinear, y=functools.partial(Vector, bound=0.5)), optimizers={"x": fast, "y": fast})
    for _ in range(20):
        arena.play_turn((1.0, 1.0, 1.0))
        assert float(arena.game.players["y"]().detach().abs()) <= 0.5
    assert float(arena.game.players["x"]().detach().abs()) > 0.5


def test_no_bound_leaves_a_vector_as_it_is() -> None:
    player = Vector(3, start=100.0)
    before = player().detach().clone()
    player.project_()
    assert torch.equal(player(), before)


@pytest.mark.parametrize("bound", [-1.0, float("inf"), float("nan")])
def test_a_bound_that_is_none_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match=f"bound is {bound}, but must be a finite number of at least 0, where 0 sets no bound"):
        Vector(1, bound=bound)
