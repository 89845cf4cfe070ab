"""Pictures show what they say: the arrows are the game's own field, and nothing is printed over anything else."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.quiver import Quiver
from PIL import Image

import arena
from arena import configure, plots
from arena.games import Bilinear, Dirac, MatchingPennies, Quadratic
from arena.plots import arrows
from tests.conftest import QUIET

pytestmark = pytest.mark.rendered


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


def test_a_run_draws_the_path_of_two_players_of_one_number(tmp_path: Path) -> None:
    run = arena.play("bilinear", turns=30, out=tmp_path / "run", display=False, **QUIET)
    assert run.arena is not None
    made = arrows(run.arena.game)
    assert made is not None
    lines = {line.get_label(): np.stack(line.get_data(), axis=1) for line in made.axes[0].lines}  # type: ignore[call-overload]
    assert len(lines["path"]) == 32, "31 positions, and that of now"
    np.testing.assert_array_equal(lines["path"][-2:], [lines["the players"][0]] * 2)
    np.testing.assert_array_equal(lines["start"][0], lines["path"][0])
    assert np.abs(lines["path"]).max() < made.axes[0].get_xlim()[1], "the path is within the frame"


def test_frames_of_a_film_have_the_colours_of_the_stills(tmp_path: Path) -> None:
    still = [np.full((8, 8, 3), colour, np.uint8) for colour in ((228, 87, 46), (46, 111, 183))]
    files = [tmp_path / f"{i}.png" for i in range(2)]
    for pixels, file in zip(still, files, strict=True):
        Image.fromarray(pixels).save(file)
    plots.animate(files, tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        for frame, pixels in enumerate(still):
            film.seek(frame)
            assert np.abs(np.asarray(film.convert("RGB"), int) - pixels).max() <= 4


def test_a_large_game_without_a_picture_has_no_histogram_of_its_weights() -> None:
    from arena import Game
    from arena.players import Vector

    assert plots.has_picture(Bilinear(dim=3))
    assert not plots.has_picture(Game(left=Vector(50), right=Vector(50)))
    assert plots.has_picture(Game(left=Vector(4), right=Vector(4)))


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


def test_a_run_keeps_the_memory_of_no_picture(tmp_path: Path) -> None:
    """Also if Python never collects its oldest objects, as in a long run."""
    gc.collect()
    often = gc.get_threshold()
    gc.set_threshold(*often[:2], 1_000_000)
    try:
        before = sum(isinstance(thing, RendererAgg) for thing in gc.get_objects())
        arena.play("bilinear", turns=60, out=tmp_path / "run", display=False, **{"picture.every": 5, "trace.tensorboard": False})
        after = sum(isinstance(thing, RendererAgg) for thing in gc.get_objects())
    finally:
        gc.set_threshold(*often)
    assert len([*(tmp_path / "run" / "pictures").glob("*.png")]) == 13
    assert after == before  # nor that of the trace, drawn at the end


def test_a_row_that_lacks_a_quantile_is_left_out_of_the_band() -> None:
    rows = [{"turn": t, "x.loss": 0.5, "x.loss_mean": 0.5, "x.loss_low": 0.4, "x.loss_high": 0.6} for t in range(5)]
    del rows[2]["x.loss_high"]  # as a flipped byte in the name of a field leaves it
    band = plots.traces(rows, ["x", "y"]).axes[0].collections[0]
    assert len(band.get_paths()[0].vertices) == 2 * 4 + 3
