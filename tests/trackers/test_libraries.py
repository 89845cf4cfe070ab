"""MLflow and Weights & Biases, in their real libraries and without a network."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arena
from arena.trace import read_trace
from arena.trackers.mlflow import LEGAL
from arena.trackers.names import legal_name, numbers_of, original_name
from arena.trackers.wandb import from_wandb, to_wandb

pytestmark = pytest.mark.filterwarnings("ignore")
QUICK = {"turns": 20, "trace.every": 5, "score.every": 10, "checkpoint.every": 10, "picture.every": 20, "trace.tensorboard": False}
SMALL = {**QUICK, "batch": 16, "generator.hidden": (8,), "discriminator.hidden": (8,), "metrics.every": 0}


@given(st.text(alphabet="abxyDG_059AF().-/ é%", min_size=1))
def test_every_name_is_legal_and_can_be_read_back(name: str) -> None:
    for legal in ("", LEGAL):
        mapped = legal_name(name, legal)
        assert original_name(mapped) == name
        assert all(c.isascii() and (c.isalnum() or c == "_" or (legal and c in ".-")) for c in mapped)
    assert from_wandb(to_wandb(name)) == name and all(c.isascii() and (c.isalnum() or c in "_/") for c in to_wandb(name))


@pytest.mark.thorough
def test_mlflow_has_the_numbers_pictures_and_settings_of_a_run_and_of_one_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def cut(row: Any) -> None:
        if row["turn"] == 15:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        arena.play("ring", out=tmp_path / "run", display=False, trackers=["mlflow(experiment=mine)"], on_look=cut, **SMALL)
    latest = max((tmp_path / "run/checkpoints").glob("turn-*.pt"))
    for file in (latest, Path(f"{latest}.sha256")):  # so that turns are played again
        file.unlink()
    assert arena.resume(tmp_path / "run", display=False).status == "finished"
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = mlflow.tracking.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert (run.info.status, run.info.run_name, run.data.tags["arena.status"]) == ("FINISHED", "run", "finished")
    assert run.data.params["rule.name"] == "simultaneous" and run.data.params["batch"] == "16"
    rows = [row for row in read_trace(tmp_path / "run") if row["kind"] == "turn"]
    for name in ("score", "game.D(G(z))", "generator.loss", "metrics.modes-covered"):
        history = client.get_metric_history(run.info.run_id, legal_name(name, LEGAL))
        assert [(m.step, m.value) for m in history] == [(row["turn"], row[name]) for row in rows if name in numbers_of(row)], name
    assert len(client.list_artifacts(run.info.run_id, "pictures")) == 2


@pytest.mark.thorough
def test_wandb_has_the_numbers_pictures_and_settings_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    result = arena.play("ring", out=tmp_path / "run", display=False, trackers=["wandb(project=mine)"], **SMALL)
    assert result.status == "finished"
    (file,) = (tmp_path / "run/wandb").rglob("*.wandb")
    logged: dict[str, list[tuple[int, str]]] = {}
    config: dict[str, str] = {}
    for data in records(file):
        record = Record.FromString(data)
        for item in record.run.config.update:
            config[item.key or ".".join(item.nested_key)] = item.value_json
        assert record.run.project in ("", "mine")
        step = record.history.step.num
        for item in record.history.item:
            logged.setdefault(item.key or ".".join(item.nested_key), []).append((step, item.value_json))
    rows = [row for row in read_trace(result.trace) if row["kind"] == "turn"]
    for name in ("score", "game.D(x)", "generator.loss"):
        got = [(step, float(value)) for step, value in logged[to_wandb(name)]]
        assert got == [(row["turn"], pytest.approx(row[name])) for row in rows if name in row], name
    assert config["batch"] == "16" and len({step for name, all in logged.items() if name.startswith("picture") for step, _ in all}) == 2


def records(file: Path) -> list[bytes]:
    """Return the records of a file of W&B: seven bytes, then blocks of 32 KiB with parts of records, as in LevelDB's log."""
    data, place, whole, part = file.read_bytes(), 7, [], b""
    while place + 7 <= len(data):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        part += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            whole.append(part)
            part = b""
    return whole
