"""Pictures show what they say: the arrows are the game's own field, and nothing is printed over anything else."""

import numpy as np
import pytest
import torch
from matplotlib.quiver import Quiver

from arena import configure, plots
from arena.games import Bilinear, Dirac, MatchingPennies, Quadratic
from arena.plots import arrows


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


@pytest.mark.parametrize("game", ["dann", "swiss-roll", "bilinear", "attack", "regression"])
def test_no_legend_is_printed_on_the_title(game: str) -> None:
    settings = {"attack": {"data": "digits", "scored": 10}}.get(game, {})
    made = plots.game_figure(configure(game, settings).build(), "a title, turn 12,000, score 0.0123")
    made.canvas.draw()
    (title,) = (text for text in made.texts if text.get_text().startswith("a title"))
    legends = [*made.legends, *(axis.get_legend() for axis in made.axes if axis.get_legend() is not None)]
    assert legends
    assert not any(title.get_window_extent().overlaps(legend.get_window_extent()) for legend in legends)


def test_a_sheet_shows_pictures_dot_for_dot() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (90, 1800, 3), dtype=np.uint8) for _ in range(2)]
    made = plots.to_array(plots.sheet(images, ["one", "other"], [plots.INK, plots.INK]))
    assert made.shape == (2 * (90 + plots.DPI // 3), 1800, 3)
    for row, image in enumerate(images):
        begin = row * (90 + plots.DPI // 3) + plots.DPI // 3
        np.testing.assert_array_equal(made[begin : begin + 90], image)
    assert plots.to_array(plots.sheet([i[:, :500] for i in images], ["one", "other"], ["k", "k"])).shape[1] == 1000


def test_numbers_without_an_order_are_points() -> None:
    made = plots.game_figure(configure("bilinear", {"dim": 3}).build())
    assert [line.get_linestyle() for line in made.axes[0].lines if line.get_marker() == "o"] == ["None", "None"]
