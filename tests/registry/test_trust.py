"""A stranger's file imports nothing: only what is typed, trusted, or signed by this user is imported, and only what is of the kind."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import arena
from arena.cli import main
from arena.errors import ArenaError, Untrusted
from arena.registry.trust import SIGNED

Cli = Callable[..., subprocess.CompletedProcess[str]]
NETS = """
from pathlib import Path
from torch import nn

Path(__file__).with_name("ran").touch()


class Net(nn.Linear):
    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]):
        super().__init__(inputs[0], outputs[0])


def build(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:
    return Net(inputs, outputs)
"""
QUICK = ("--turns", "4", "--trace.tensorboard", "false", "--metrics.every", "0", "--picture.every", "0")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A player in a file, whose import leaves the file `ran`; its name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / f"nets_{tmp_path.name}.py"
    file.write_text(NETS)
    return f"{file}:Net"


PLACES = {
    "game": {"game": "evil.Name"},
    "rule": {"rule": {"name": "os.system", "command": "touch ran"}},
    "inner rule": {"rule": "averaging(inner=os.system)"},
    "player": {"generator": {"player": "os.system"}},
    "optimizer": {"generator": {"optimizer": "os.system"}},
    "schedule": {"generator": {"schedule": {"name": "os.system"}}},
    "scheduler": {"scheduler": {"name": "os.system"}},
    "coupling": {"coupling": {"name": "os.system"}},
    "alarm": {"alarms": {"names": ["os.system(command=touch)"]}},
    "diagnostic": {"diagnostics": {"names": ["os.system"]}},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_configuration_imports_nothing(place: str, quick_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w')\nclass Name: pass\n")
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"game": "ring", **PLACES[place]}))
    done = quick_cli("play", "--config", "c.yaml", *QUICK)
    assert done.returncode == 2 and "--trust" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "ran").exists() and not (tmp_path / "runs").exists()


@pytest.mark.parametrize("place", [place for place in PLACES if place not in ("game", "inner rule")])
def test_trust_does_not_call_what_is_of_another_kind(place: str, quick_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"game": "ring", **PLACES[place]}))
    done = quick_cli("play", "--config", "c.yaml", "--trust", *QUICK)
    assert done.returncode == 2 and "'os.system' is no" in done.stderr and "builtin" not in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["torch.optim.SGD", "torch.nn.functional.relu", "math.pi", "torch.nn.Module"])
def test_a_player_is_a_module(name: str) -> None:
    with pytest.raises(ArenaError, match=rf"'{name}' is no player"):
        arena.configure("ring", {"generator": name})


def test_a_function_that_returns_a_module_is_a_player(net: str) -> None:
    module = Path(net.partition(":")[0]).stem
    assert arena.configure("ring", {"generator": f"{module}.build"}).example() is not None


def test_code_of_a_configuration_needs_trust_or_its_name_on_the_command_line(net: str, quick_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"game": "ring", "generator": {"player": net}}))
    refused = quick_cli("play", "--config", "c.yaml", *QUICK)
    assert refused.returncode == 2 and "would import the file" in refused.stderr and net.partition(":")[0] in refused.stderr
    assert not (tmp_path / "ran").exists()
    assert quick_cli("play", "--config", "c.yaml", "--trust", "--out", "a", *QUICK).returncode == 0
    assert quick_cli("play", "--config", "c.yaml", "--generator", net, "--out", "b", *QUICK).returncode == 0


def test_a_typed_file_is_trusted_under_its_full_name_too(net: str) -> None:
    """Plans name code by its full path, also where `net.py` was typed."""
    from arena.registry.lookup import lookup
    from arena.registry.trust import only

    with only([os.path.relpath(net)]):
        assert lookup("player", lookup("player", os.path.relpath(net)).id).name == "Net"


def test_an_own_run_goes_on_and_a_strangers_does_not(net: str, quick_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quick_cli("play", "ring", "--generator", net, "--out", "own", *QUICK).returncode == 0
    shutil.rmtree(tmp_path / "own" / "checkpoints")
    (tmp_path / "own" / "trace.jsonl").unlink()  # as if it were killed at once
    shutil.copytree(tmp_path / "own", tmp_path / "moved")
    assert quick_cli("resume", "moved").returncode == 0

    shutil.copytree(tmp_path / "own", tmp_path / "changed")
    signed = json.loads((tmp_path / "own" / SIGNED).read_text())
    (tmp_path / "changed" / SIGNED).write_text(json.dumps({**signed, "code": [*signed["code"], "os.system"]}))
    assert "--trust" in quick_cli("resume", "changed").stderr

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another user"))
    assert "--trust" in quick_cli("resume", "own").stderr
    with pytest.raises(Untrusted):
        arena.resume(tmp_path / "own", display=False)
    assert quick_cli("resume", "own", "--trust").returncode == 0


def test_a_plan_imports_nothing(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    whole = arena.configure("ring").settings
    rows = [{"variant": "a", "seed": n, "settings": {**whole, "generator": {**whole["generator"], "player": net}}} for n in (0, 1)]
    axes = {"x": "generator.lr=0.1,0.2", "y": "discriminator.lr=0.1,0.2"}
    folders = {
        "comparison.yaml": {"game": "ring", "runs": rows},
        "config.yaml": {
            "game": "ring",
            "generator": {"player": net},
            "map": axes,
        },
        "sweep.yaml": {"game": net, "sweep": {"space": ["generator.lr=log:0.1:0.2"], "budget": 0, "untrained": 1, "ceiling": None}},
    }
    for number, (mark, plan) in enumerate(folders.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / mark).write_text(yaml.safe_dump(plan))
        if "map" in plan:
            (folder / "map.csv").touch()
        assert main(["resume", str(folder)]) == 2
        assert "--trust" in capsys.readouterr().err, mark
    assert not (tmp_path / "ran").exists()
