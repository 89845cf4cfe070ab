"""TensorBoard's view of a run: both players on the same charts, pictures, and no seam after a resume."""

import json
import shutil
import threading
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.summary.writer.record_writer import RecordWriter

import arena
from arena import configure
from arena.plots import features_of
from arena.report.run import verdict_in_words
from arena.trace import read_trace
from arena.trace.jsonl import rows_and_damage
from arena.trace.tensorboard import TensorBoard, print_unless_raised

SETTINGS = {
    "turns": 60, "batch": 8, "trace.every": 10, "score.every": 20, "picture.every": 30, "checkpoint.every": 30, "trace.histograms": True,
}  # fmt: skip


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0, "histograms": 0})
    accumulator.Reload()
    return accumulator


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board") / "run"
    return arena.play("swiss-roll", out=folder, display=False, **SETTINGS).folder


def test_each_player_has_a_sub_run_with_the_same_tags(run: Path) -> None:
    generator, discriminator = (set(events(run / role).Tags()["scalars"]) for role in ("generator", "discriminator"))
    assert generator == discriminator
    assert generator == {
        f"players/{what}"
        for what in (
            "loss",
            "loss_mean",
            "loss_low",
            "loss_high",
            "gradient_norm",
            "update_norm",
            "update_cosine",
            "learning_rate",
            "share",
            "moves",
        )
    }


def test_the_players_come_first_and_no_chart_shows_a_ceiling_alone(run: Path) -> None:
    """TensorBoard sorts groups by name."""
    tags = set(events(run).Tags()["scalars"])
    assert {"score/score", "score/precision", "signals/D_x", "signals/D_G_z", "signals/coupling", "work/gradient_evaluations"} <= tags
    of_real = set(events(run / "real-data").Tags()["scalars"])
    assert {"score/score", "score/precision"} <= of_real <= tags
    groups = [tag.partition("/")[0] for tag in sorted(tags | set(events(run / "generator").Tags()["scalars"]))]
    assert list(dict.fromkeys(groups)) == ["players", "score", "signals", "work"]


def test_texts_are_the_configuration_the_summary_and_the_verdict(run: Path) -> None:
    board = events(run)
    config, summary = (board.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode() for tag in ("config", "about/summary"))
    end = read_trace(run)[-1]
    assert config == "```yaml\n" + (run / "config.yaml").read_text() + "```"
    assert summary.startswith(f"**{verdict_in_words(run)}**\n")
    assert f"| score | {end['score']:.4g} |" in summary and "| status | finished |" in summary


def test_distributions_of_weights_and_gradients_change_nothing(run: Path, tmp_path: Path) -> None:
    board = events(run / "generator")
    weights = {f"weights/{name}" for name, _ in configure("swiss-roll", SETTINGS).build().game.players["generator"].named_parameters()}
    assert set(board.Tags()["histograms"]) == weights | {name.replace("weights/", "weight_gradients/") for name in weights}
    assert [event.step for event in board.Histograms("weight_gradients/layers.0.weight")] == [0, 20, 40, 60]
    without = arena.play("swiss-roll", out=tmp_path / "without", display=False, **{**SETTINGS, "trace.histograms": False})
    assert without.trace.read_bytes() == (run / "trace.jsonl").read_bytes()
    assert events(tmp_path / "without" / "generator").Tags()["histograms"] == []


def test_a_game_with_features_shows_them_in_the_projector(tmp_path: Path) -> None:
    game = configure("dann", {}).build()
    game.reset(seed=0)
    found = features_of(game)
    assert found is not None
    TensorBoard(tmp_path, game.game.roles, ()).features(*found)
    config, folder = ProjectorConfig(), tmp_path
    text_format.Parse((folder / "projector_config.pbtxt").read_text(), config)
    (shown,) = config.embeddings
    head, *labels = [line.split("\t") for line in (folder / shown.metadata_path).read_text().splitlines()]
    vectors = [line.split("\t") for line in (folder / shown.tensor_path).read_text().splitlines()]
    assert (head, len(vectors), len(labels)) == (["domain", "class"], 800, 800)
    assert {domain for domain, _ in labels} == {"source", "target"}
    assert len({len(vector) for vector in vectors}) == 1


def test_the_scalars_are_those_of_the_trace(run: Path) -> None:
    rows = [row for row in read_trace(run) if "generator.loss" in row]
    scalars = events(run / "generator").Scalars("players/loss")
    assert [s.step for s in scalars] == [row["turn"] for row in rows] == [10, 20, 30, 40, 50, 60]
    assert [s.value for s in scalars] == pytest.approx([row["generator.loss"] for row in rows], rel=1e-6)


def test_custom_charts_show_both_players_together(run: Path) -> None:
    from tensorboard.plugins.custom_scalar import layout_pb2

    tensor = events(run).Tensors("custom_scalars__config__")[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for category in layout.category for chart in category.chart}
    assert charts["loss"] == ["players/loss$"]
    assert charts["score"] == ["score/score$"]
    assert charts["precision"] == ["score/precision$"]
    assert charts["signals"] == ["signals/D_x$", "signals/D_G_z$", "signals/spread$"]


@pytest.mark.parametrize(
    ("line", "damage"),
    [
        ('{"kind": "turn", "turn": -3, "score": 0.5}', "line 3 names no kind of row and no turn"),
        ('{"kind": "turn", "turn": 3, "score": NaN}', "line 3 holds NaN"),
        ('{"kind": "turn", "turn": 3, "score": true}', "line 3 has 'True' for score"),
        ('{"kind": "night", "turn": 3, "score": 0.5}', "line 3 names no kind of row and no turn"),
        ("[[[", "line 3 is not JSON"),
        ("3", "line 3 is no row"),
    ],
)
def test_a_line_that_is_no_row_is_found_after_whole_ones_of_its_shape(line: str, damage: str, tmp_path: Path) -> None:
    whole = [{"kind": "turn", "turn": turn, "score": 0.1 + turn} for turn in (1, 2, 9)]
    one, two, last = map(json.dumps, whole)
    (tmp_path / "trace.jsonl").write_text("\n".join([one, two, line, last, ""]))
    assert rows_and_damage(tmp_path / "trace.jsonl") == (whole, damage)


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    numbers = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1e-17, 2**53 + 1, 1 / 3]
    row = {"kind": "turn", "turn": 1, **{f"x.n{place}": number for place, number in enumerate(numbers)}}
    (tmp_path / "trace.jsonl").write_text(json.dumps(row) + "\n")
    assert repr(rows_and_damage(tmp_path / "trace.jsonl")[0]) == repr([row])


def test_pictures_are_there_every_so_often(run: Path) -> None:
    assert [image.step for image in events(run).Images("picture")] == [0, 30, 60]
    assert sorted(p.name for p in (run / "pictures").iterdir()) == [f"turn-{turn:08d}.png" for turn in (0, 30, 60)]
    assert (run / "picture.png").read_bytes() == (run / "pictures" / "turn-00000060.png").read_bytes()


def test_a_resumed_run_has_no_seam(run: Path, tmp_path: Path) -> None:
    """From turn 30 on everything is written again; TensorBoard must show each turn once."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    for name in ("turn-00000060.pt", "turn-00000060.pt.sha256"):
        (folder / "checkpoints" / name).unlink()
    lines = (folder / "trace.jsonl").read_text().splitlines(keepends=True)
    (folder / "trace.jsonl").write_text("".join(lines[:-1]))
    arena.resume(folder, display=False)
    assert [s.step for s in events(folder / "generator").Scalars("players/loss")] == [10, 20, 30, 40, 50, 60]
    assert [s.step for s in events(folder).Scalars("score/score")] == [0, 20, 40, 60]
    assert [s.step for s in events(folder / "real-data").Scalars("score/score")] == [0, 20, 40, 60]
    again, before = (events(place / "generator").Histograms("weight_gradients/layers.0.weight") for place in (folder, run))
    assert [(event.step, event.histogram_value) for event in again] == [(event.step, event.histogram_value) for event in before]
    shown = plugin_event_accumulator.EventAccumulator(str(folder))  # TensorBoard's own; the other one keeps texts that are void
    shown.Reload()
    assert [text.step for text in shown.Tensors("about/summary/text_summary")] == [60]
    assert (folder / "trace.jsonl").read_bytes() == (run / "trace.jsonl").read_bytes()


def test_a_full_disk_is_raised_by_tensorboard_and_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(self: RecordWriter, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    def play() -> None:
        board = TensorBoard(tmp_path, ("x", "y"), ())
        board.write({"turn": 1, "x.loss": 1.0})
        board.close()

    monkeypatch.setattr(RecordWriter, "write", write)
    monkeypatch.setattr(threading, "excepthook", print_unless_raised)  # in the place of pytest's
    with pytest.raises(OSError, match="No space left on device"):
        play()
    assert capsys.readouterr().err == ""
