"""The examples of loops run, and resume in the loops of the libraries."""

import copy
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import arena

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, folder: Path, *words: str) -> str:
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / name), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_plain_loop_of_ten_lines_runs_and_its_state_is_whole(tmp_path: Path) -> None:
    assert run("loop_plain.py", tmp_path, "64").startswith("64 generator 0.")
    state = torch.load(tmp_path / "duel.pt", weights_only=True)
    assert state["turns_played"] == 64 and state["moves"] == {"generator": 64, "discriminator": 64}


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["loop_lightning.py", "loop_fabric.py"])
def test_the_loops_of_libraries_run(name: str, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    said = run(name, tmp_path, "8")
    assert "generator" in said and "discriminator" in said


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
def test_lightning_resumes_a_duel_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lightning = pytest.importorskip("lightning")
    monkeypatch.setattr(sys, "argv", ["loop_lightning.py"])
    example = runpy.run_path(str(EXAMPLES / "loop_lightning.py"))

    def trainer(epochs: int) -> "lightning.Trainer":  # type: ignore[name-defined]
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
        return lightning.Trainer(max_epochs=epochs, limit_train_batches=4, accelerator="cpu", devices=1, default_root_dir=tmp_path, **quiet)

    torch.manual_seed(0)
    whole = example["GAN"]()
    first, second = copy.deepcopy(whole.state_dict()), example["GAN"]()
    trainer(2).fit(whole, example["data"]())
    half = example["GAN"]()
    half.load_state_dict(first)
    begun = trainer(1)
    begun.fit(half, example["data"]())
    begun.save_checkpoint(tmp_path / "half.ckpt")
    trainer(2).fit(second, example["data"](), ckpt_path=tmp_path / "half.ckpt")
    assert (whole.duel.turns_played, second.duel.turns_played) == (8, 8)
    assert not torch.equal(first["generator.0.weight"], second.generator[0].weight)
    assert all(map(torch.equal, whole.state_dict().values(), second.state_dict().values()))


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
def test_players_of_fabric_and_accelerate_play_like_plain_ones() -> None:
    fabric = pytest.importorskip("lightning.fabric").Fabric(accelerator="cpu", devices=1)
    accelerator = pytest.importorskip("accelerate").Accelerator(cpu=True)
    loader = DataLoader(TensorDataset(torch.randn(32, 2)), batch_size=8)

    def played(prepare: object) -> list[torch.Tensor]:
        torch.manual_seed(0)
        x, y, batches = prepare(nn.Linear(2, 2), nn.Linear(2, 2), loader)  # type: ignore[operator]
        duel = arena.Duel(x, y, losses=lambda b: ((x(b[0]) * y(b[0])).sum(), -(x(b[0]) * y(b[0])).sum()), rule="sga")
        for batch in batches:
            duel.step(batch)
        state = copy.deepcopy(duel.state_dict())
        duel.load_state_dict(state)
        return [*state["game"].values()]

    plain = played(lambda *all: all)
    of_fabric = played(lambda x, y, data: (fabric.setup_module(x), fabric.setup_module(y), fabric.setup_dataloaders(data)))
    of_accelerate = played(accelerator.prepare)
    assert all(map(torch.equal, plain, of_fabric)) and all(map(torch.equal, plain, of_accelerate))
