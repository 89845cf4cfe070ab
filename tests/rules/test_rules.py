"""Every rule costs what it says, moves players by their shares, and gets one sentence if it is faulty."""

import pytest
import torch

from arena import Arena, GameFault, UpdateRule
from arena.games import Bilinear
from arena.rules import (
    Cost,
    Simultaneous,
)
from arena.schedulers import Alternating
from tests.support.known_answers.rules import KNOWN
from tests.support.quadratic_games import BOTH, position, quadratic, random_jacobian


@pytest.mark.parametrize("name", KNOWN)
def test_a_rule_costs_what_it_says(name: str) -> None:
    known = KNOWN[name]
    arena = quadratic(random_jacobian(0), known.build(), (0.1, 0.1))
    for _ in range(2):
        arena.play_turn(BOTH)  # under way
    before = arena.field.gradient_evaluations, arena.field.products
    for _ in range(5):
        arena.play_turn(BOTH)
    claim = arena.rule.cost()
    spent = Cost((arena.field.gradient_evaluations - before[0]) / 5, (arena.field.products - before[1]) / 5)
    if claim is None:
        assert spent.products > 2  # a solver, whose iterations are in its report
        assert set(arena.rule.report()) == {"iterations", "residual"}
    else:
        assert spent == claim


def test_a_rule_without_a_method_is_refused() -> None:
    with pytest.raises(Exception, match=r"the rule Empty has neither direction\(field\) nor step\(turn\)"):
        type("Empty", (UpdateRule,), {})()


class GivesAList(Simultaneous):
    def direction(self, field):  # type: ignore[no-untyped-def]
        return list(field.gradients().values())


class ForgetsAPlayer(Simultaneous):
    def direction(self, field):  # type: ignore[no-untyped-def]
        return dict(list(field.gradients().items())[:1])


class Stumbles(Simultaneous):
    def direction(self, field):  # type: ignore[no-untyped-def]
        return field.gradients()["nobody"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (GivesAList, r"^a move was along list, but must be along a dictionary of one tensor for each of \['players.x.value', 'players.y"),
        (ForgetsAPlayer, r"^a move was along \['players.x.value'\], but must be along a dictionary"),
        (
            Stumbles,
            r"^Stumbles on Quadratic failed in turn 1 \(KeyError: 'nobody'; test_rules\.py, line \d+\)\. Fix: correct the rule",
        ),
    ],
)
def test_a_faulty_rule_gets_one_sentence(rule: type[UpdateRule], message: str) -> None:
    with pytest.raises(GameFault, match=message):
        quadratic(random_jacobian(0), rule(), (0.1, 0.1)).play_turn(BOTH)


def test_shares_scale_the_learning_rate() -> None:
    arena = quadratic(random_jacobian(0), Simultaneous(), (0.1, 0.1))
    z = position(arena)
    arena.play_turn((0.5, 1.0, 1.0))
    scale = torch.tensor([0.05, 0.05, 0.1, 0.1, 0.1], dtype=torch.float64)
    torch.testing.assert_close(position(arena), z - scale * (random_jacobian(0) @ z), rtol=1e-12, atol=1e-12)


def test_an_alternating_scheduler_moves_one_player_a_turn() -> None:
    arena = Arena(Bilinear, scheduler=Alternating(ratio=3), turns=8)
    for _ in range(8):
        arena.play_scheduled_turn()
    assert arena.moves == {"x": 2, "y": 6}
