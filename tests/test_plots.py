"""Pictures show what they say: the arrows are the game's own field."""

import numpy as np
import pytest
import torch
from matplotlib.quiver import Quiver

from arena.plots import arrows
from games import Bilinear, Dirac, MatchingPennies, Quadratic


def test_the_arrows_are_the_negated_field() -> None:
    j = ((0.3, 2.0), (-1.0, 0.7))
    made = arrows(Quadratic(matrix=j))
    assert made is not None
    (quiver,) = (artist for artist in made.axes[0].collections if isinstance(artist, Quiver))
    assert len(quiver.XY) == 15 * 15
    np.testing.assert_allclose(np.stack([quiver.U, quiver.V], axis=1), -quiver.XY @ np.array(j).T, atol=1e-5)


@pytest.mark.parametrize("game", [Bilinear(dim=1), Dirac(), Dirac(penalty="wgan-gp"), MatchingPennies()])
def test_the_players_stand_where_their_parameters_say(game: torch.nn.Module) -> None:
    made = arrows(game)  # type: ignore[arg-type]
    assert made is not None
    drawn = {line.get_label(): [float(line.get_xdata()[0]), float(line.get_ydata()[0])] for line in made.axes[0].lines}  # type: ignore[index]
    expected = {"the players": [p.item() for p in game.parameters()]}
    if game.solution() is not None:  # type: ignore[operator]
        expected["answer"] = [0.0, 0.0]
    assert drawn == expected


def test_players_of_several_numbers_have_no_arrows() -> None:
    assert arrows(Bilinear(dim=2)) is None
