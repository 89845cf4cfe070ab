"""The iterates of one player are averaged alone."""

import pytest
import torch

from arena.config import configure
from arena.errors import UnknownName


def test_one_players_iterates_are_averaged_alone() -> None:
    """The moving average of a generator: m ← m + (1 − β)(z − m) at its own moves; scores see it beside the live discriminator."""
    settings = {"batch": 4, "turns": 6, "scheduler": "alternating", "generator.hidden": [4], "discriminator.hidden": [4]}
    arena = configure("ring", {**settings, "rule": "averaging(role=generator,decay=0.75)"}).build()
    arena.reset(seed=0)
    name = "players.generator.layers.0.weight"
    mean = None
    for turn in range(6):
        arena.play_scheduled_turn()
        if turn % 2:  # the discriminator moves first
            here = arena.game.get_parameter(name).detach().clone()
            mean = here if mean is None else mean + 0.25 * (here - mean)
    evaluated_parameters = arena.rule.evaluated_parameters()
    assert evaluated_parameters is not None and mean is not None
    assert set(evaluated_parameters) == {n for n, _ in arena.game.named_parameters() if n.startswith("players.generator.")}
    torch.testing.assert_close(evaluated_parameters[name], mean)
    live = float(arena.game.score().detach())  # type: ignore[union-attr]
    assert arena.measure_score() != live


def test_an_average_of_nobody_is_refused() -> None:
    with pytest.raises(UnknownName) as refused:
        configure("ring", {"rule": "averaging(role=genrator)"}).build()
    assert str(refused.value) == "unknown role 'genrator': did you mean 'generator'?"
