"""Players that leave: they load with torch alone, give the numbers of the run, and say what they are."""

import copy
import csv
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import arena
from arena.errors import ArenaError
from arena.runs.export.sampling import sample
from tests.conftest import QUIET, Cli

SMALL = {"generator.hidden": (8,), "discriminator.hidden": (8,), "batch": 16}


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> arena.Result:
    """A run whose generator is averaged."""
    folder = tmp_path_factory.mktemp("export") / "run"
    settings = {**SMALL, **QUIET, "rule": "averaging(role=generator)", "checkpoint.every": 10, "checkpoint.best": True, "score.every": 10}
    return arena.play("ring", turns=40, out=folder, display=False, **settings)


@pytest.fixture
def run(averaged: arena.Result, tmp_path: Path) -> Path:
    """A copy of its folder, to which files can be added."""
    return Path(shutil.copytree(averaged.folder, tmp_path / "run"))


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return torch.randn(5, 2, generator=torch.Generator().manual_seed(0))


def test_a_loaded_player_is_the_average_and_no_part_of_the_arena(averaged: arena.Result, noise: torch.Tensor) -> None:
    """w̄ of the rule, which the score judges, not the live weights."""
    player = arena.load_player(averaged.folder, "generator")
    assert isinstance(player, nn.Module) and not player.training
    assert averaged.arena is not None
    episode = averaged.arena.episode
    average = episode.rule.evaluated_parameters()
    assert average is not None
    for name, parameter in player.named_parameters():
        assert torch.equal(parameter, average[f"players.generator.{name}"])
        assert not torch.equal(parameter, dict(episode.game.named_parameters())[f"players.generator.{name}"])
    with torch.no_grad():
        one_by_one = torch.cat([player(row[None]) for row in noise])
        torch.testing.assert_close(one_by_one, player(noise), rtol=1e-5, atol=1e-6)


def test_a_loaded_game_has_the_score_of_its_turn(averaged: arena.Result) -> None:
    rows = [row for row in arena_rows(averaged.folder) if row.get("score") is not None]
    for row in rows[-2:]:
        game = arena.load_game(averaged.folder, row["turn"])
        with torch.no_grad():
            assert float(game.score()) == pytest.approx(row["score"], rel=1e-5)
    best = arena.load_game(averaged.folder, "best")
    with torch.no_grad():
        assert float(best.score()) == pytest.approx(min(row["score"] for row in rows if row["turn"]), rel=1e-5)


def arena_rows(folder: Path) -> list[dict[str, float]]:
    from arena.trace import read_trace

    return [row for row in read_trace(folder) if row["kind"] == "turn"]


ALONE = {
    "pt": "made = net(torch.load(file, weights_only=True), z)",
    "safetensors": "from safetensors.torch import load_file\nmade = net(load_file(file), z)",
    "exported": "made = torch.export.load(file).module()(z)",
    "onnx": (
        "import onnxruntime\n"
        "session = onnxruntime.InferenceSession(file)\n"
        "made = torch.as_tensor(session.run(None, {session.get_inputs()[0].name: z.numpy()})[0])"
    ),
}
PLAIN = """
import sys, torch
from torch.nn.functional import leaky_relu, linear
file, kept = sys.argv[1:]

def net(w, z):
    return linear(leaky_relu(linear(z, w["layers.0.weight"], w["layers.0.bias"]), 0.2), w["layers.1.weight"], w["layers.1.bias"])

z = torch.load(kept)
{lines}
assert not [name for name in sys.modules if name.partition(".")[0] in ("arena", "players", "games")]
torch.save(made.detach(), kept + ".made")
"""
FORMATS = [*("pt", "exported"), *(pytest.param(name, marks=pytest.mark.thorough) for name in ("safetensors", "onnx"))]


@pytest.mark.parametrize("to", FORMATS)
def test_a_file_loads_in_a_process_without_the_arena(run: Path, tmp_path: Path, noise: torch.Tensor, to: str) -> None:
    """And gives the numbers of the loaded player, also for another number of examples than the batch."""
    pytest.importorskip({"safetensors": "safetensors", "onnx": "onnxruntime"}.get(to, "torch"))
    file, card = arena.export(run, "generator", to)
    kept = tmp_path / "z.pt"
    torch.save(noise, kept)
    words = [sys.executable, "-c", PLAIN.replace("{lines}", ALONE[to]), str(file), str(kept)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr[-600:]
    with torch.no_grad():
        wanted = arena.load_player(run, "generator")(noise)
    torch.testing.assert_close(torch.load(f"{kept}.made"), wanted, rtol=1e-4, atol=1e-5)
    text = card.read_text(encoding="utf-8")
    assert all(f"- {fact}" in text for fact in ("game: ring", "role: generator", "turn: 40", "weights: averaged generator", "score: "))
    assert file.name in text


def test_players_are_copied_and_pickled(averaged: arena.Result, noise: torch.Tensor) -> None:
    player = arena.load_player(averaged.folder, "generator")
    with torch.no_grad():
        for other in (copy.deepcopy(player), pickle.loads(pickle.dumps(player))):  # noqa: S301  (our own bytes)
            assert torch.equal(other(noise), player(noise))


def test_samples_of_points_are_a_table_and_those_of_images_are_pictures(run: Path, tmp_path: Path) -> None:
    table = sample(run, 10, seed=3)
    rows = [*csv.reader(table.read_text(encoding="utf-8").splitlines())]
    assert rows[0] == ["x1", "x2"] and len(rows) == 11
    again = sample(run, 10, seed=3, out=tmp_path / "again.csv")
    assert again.read_bytes() == table.read_bytes()
    assert sample(run, 10, seed=4).read_bytes() != table.read_bytes()
    images = {**SMALL, **QUIET, "metrics.every": 0}
    arena.play("digits", turns=2, out=tmp_path / "digits", display=False, **images)
    folder = sample(tmp_path / "digits", 6)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*(f"{number:06d}.png" for number in range(6)), "sheet.png"]
    with Image.open(folder / "000000.png") as image:
        assert image.size == (8, 8) and np.asarray(image).dtype == np.uint8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "run", "generater"), "unknown role 'generater': did you mean 'generator'?"),
        (("export", "run", "generator", "--to", "onx"), "unknown format 'onx': did you mean 'onnx'?"),
        (("export", "run", "generator", "--at", "7"), "Expected last, best, or one of the turns"),
        (("export", "nowhere", "generator"), "is not a run folder"),
        (("export", "run"), "expected a run folder and a role"),
        (("sample", "run", "--count", "0"), "count"),
        (("sample", "run", "--frob", "1"), "expected one run folder"),
    ],
)
def test_wrong_words_are_told(quick_cli: Cli, averaged: arena.Result, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    shutil.copytree(averaged.folder, tmp_path / "run")
    done = quick_cli(*words)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr


def test_an_export_never_overwrites(run: Path) -> None:
    file, _ = arena.export(run, "generator")
    before = file.read_bytes()
    with pytest.raises(ArenaError, match="exists already"):
        arena.export(run, "generator")
    assert file.read_bytes() == before


def test_what_has_no_samples_or_no_input_is_told(tmp_path: Path) -> None:
    arena.play("bilinear", turns=5, out=tmp_path / "run", display=False, **QUIET)
    with pytest.raises(ArenaError, match="generates nothing"):
        sample(tmp_path / "run")
    assert arena.export(tmp_path / "run", "x")[0].is_file()
