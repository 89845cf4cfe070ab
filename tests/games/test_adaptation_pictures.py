"""What a run of domain adaptation shows: features in motion and by t-SNE, confidence, and the trace with ln 2."""

import io
import math
from pathlib import Path

import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from rich.console import Console

from arena import configure, play, plots
from arena.games.adaptation import confidence_pictures
from arena.games.adaptation import pictures as domain_pictures
from arena.games.adaptation import trace_pictures as adaptation_traces
from arena.runs.display import report
from tests.support.rendering import rendering

pytestmark = pytest.mark.rendered
SMALL = {"extractor.hidden": (8, 6), "domain.hidden": (8,), "batch": 16}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    looks = {"turns": 6, "picture.every": 2, "trace.every": 2, "trace.tensorboard": False}
    with rendering():
        return play("dann", out=tmp_path_factory.mktemp("pictures") / "dann", display=False, **SMALL, **looks).folder


@pytest.mark.thorough
def test_a_run_leaves_its_pictures_in_motion_and_what_takes_long_once(folder: Path) -> None:
    for name in ("picture", "features"):
        with Image.open(folder / f"{name}.gif") as moving:
            assert moving.n_frames == 4  # type: ignore[attr-defined]
        kept = "turn" if name == "picture" else f"{name}-turn"
        assert (folder / f"{name}.png").read_bytes() == (folder / f"pictures/{kept}-00000006.png").read_bytes()
    assert [p.name for p in (folder / "pictures").glob("embedding-*")] == ["embedding-turn-00000006.png"]
    assert [p.name for p in (folder / "pictures").glob("confidence-*")] == ["confidence-turn-00000006.png"]
    assert all((folder / f"{name}.png").is_file() for name in ("embedding", "confidence", "adaptation"))


def test_the_summary_names_every_picture(tmp_path: Path) -> None:
    """Those beside the game's own, and of those that lie only in `pictures/` the last of each kind."""
    result = play("bilinear", out=tmp_path / "b", display=False, turns=4, **{"diagnostics.names": ["spectrum"], "trace.tensorboard": False})
    (result.folder / "features.gif").touch()
    shown = io.StringIO()
    report(Console(file=shown, width=200), result)
    assert f"  picture     {result.picture}\n" in shown.getvalue()
    assert "  beside it features.gif, traces.png, pictures/spectrum-turn-00000004.png\n" in shown.getvalue()


def test_a_class_has_one_colour_in_every_picture() -> None:
    points, labels = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2
    surface = domain_pictures.boundary(points, points, labels, labels, lambda x: torch.full((len(x),), 0.5)).axes[0]
    source, other = (c for c in surface.collections if c.get_label() in ("source, class 1", "target, class 1"))
    cloud = domain_pictures.clouds(points, points, labels, labels).axes[1].collections
    expected = to_rgb(plots.CLASSES[1])
    for hollow in (source.get_edgecolors()[0], cloud[0].get_edgecolors()[1]):
        assert tuple(hollow[:3]) == expected
    for filled in (other.get_facecolors()[0], cloud[1].get_facecolors()[1]):
        assert tuple(filled[:3]) == expected
    assert len(source.get_facecolors()) == len(cloud[0].get_facecolors()) == 0  # the source is hollow


def test_frames_follow_each_other_and_the_last_stays(tmp_path: Path) -> None:
    files = []
    for i, colour in enumerate(["red", "green", "blue"]):
        files.append(tmp_path / f"{i}.png")
        Image.new("RGB", (4, 3), colour).save(files[-1])
    plots.animate(files, tmp_path / "moving.gif", milliseconds=100)
    seen = []
    with Image.open(tmp_path / "moving.gif") as moving:
        for frame in range(3):
            moving.seek(frame)
            seen.append((moving.convert("RGB").getpixel((0, 0)), moving.info["duration"]))
    assert seen == [((255, 0, 0), 100), ((0, 128, 0), 100), ((0, 0, 255), 400)]


def test_components_do_not_change_sides_from_picture_to_picture() -> None:
    """Features and their mirror image have the same picture."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(20) % 2
    source = torch.randn(20, 5, generator=rng) + 3 * labels.unsqueeze(1)
    target = torch.randn(20, 5, generator=rng)
    points = []
    for sign in (1, -1):
        axis = domain_pictures.clouds(sign * source, sign * target, labels, None).axes[0]
        points.append([torch.tensor(collection.get_offsets().tolist()) for collection in axis.collections])
    for one, other in zip(*points, strict=True):
        torch.testing.assert_close(one, other)


def test_confidence_of_a_known_mixture() -> None:
    """150 sure and right, 50 as sure and wrong: a quarter bears all of the cross-entropy, 4 % of the examples 16 % of it."""
    labels = torch.tensor([0] * 150 + [1] * 50)
    logits = torch.tensor([[20.0, 0.0]]).repeat(200, 1)
    made = confidence_pictures.confidence(logits, labels, torch.zeros(200, 1, 8, 8))
    assert made.axes[0].get_title() == "accuracy 75.0 %, calibration error 0.250"
    assert made.axes[1].get_title().startswith("cross-entropy 5.00, median 2.1e-09")
    shares = confidence_pictures.worst_share(torch.tensor([20.0] * 50 + [0.0] * 150))
    assert shares[49] == pytest.approx(1.0) and shares[7] == pytest.approx(8 / 50)
    words = [text.get_text() for inner in made.axes[2].child_axes for text in inner.texts]
    assert words == ["1 as 0  20.0"] * confidence_pictures.WORST


def test_the_trace_shows_where_domains_cannot_be_told_apart() -> None:
    rows = [{"turn": t, "game.domain_loss": 0.6, "metrics.target-cross-entropy": 1.0 + t} for t in range(3)]
    made = adaptation_traces.traces(rows)
    lines = {line.get_label(): list(line.get_ydata()) for line in made.axes[1].lines}
    assert lines["ln 2: domains alike"] == [math.log(2)] * 2
    assert lines["domains"] == [0.6] * 3
    assert [list(line.get_ydata()) for line in made.axes[2].lines] == [[1.0, 2.0, 3.0]]


def test_pictures_leave_no_footprints() -> None:
    arena = configure("dann", SMALL).build()
    before = {name: t.clone() for name, t in arena.game.state_dict().items()}
    stream = torch.get_rng_state()
    names = [name for name, _ in plots.more_figures(arena, last=True)]
    assert names == ["features", "embedding", "confidence"]
    assert [name for name, _ in plots.more_figures(arena, last=False)] == ["features"]
    assert torch.equal(stream, torch.get_rng_state())
    assert all(torch.equal(before[name], t) for name, t in arena.game.state_dict().items())
