"""A data set is converted once, is known by its content, and may be larger than memory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from arena.config import configure
from arena.data import Source, keep
from arena.data.checksum import cache, checksum
from arena.errors import ArenaWarning, DataDamaged, DataUnavailable
from arena.games.data import tables
from arena.runs.export import load_player
from arena.runs.play import play, resume

SMALL = {
    "turns": 6,
    "batch": 4,
    "score.every": 0,
    "metrics.every": 0,
    "picture.every": 0,
    "checkpoint.every": 3,
    "trace.tensorboard": False,
}


def table(file: Path, shift: float = 0.0) -> Path:
    rows = np.random.default_rng(0).normal(size=(12, 2)) + shift
    file.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows.tolist()))
    return file


def test_a_path_becomes_absolute_with_the_checksum_of_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "rows.csv")
    data = configure("table", {"data": "rows.csv", "batch": 4}).settings["data"]
    assert data == f"{tmp_path / 'rows.csv'}@{checksum(tmp_path / 'rows.csv')}"
    assert configure("table", {"data": data, "batch": 4}).settings["data"] == data
    table(tmp_path / "rows.csv", 1.0)
    assert configure("table", {"data": "rows.csv", "batch": 4}).settings["data"] != data


def test_a_folder_is_known_by_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in "ab":
        (tmp_path / "d" / name).write_text("x")
    first = checksum(tmp_path / "d")
    (tmp_path / "d" / "a").touch()
    (tmp_path / "d" / ".hidden").write_text("y")
    assert checksum(tmp_path / "d") == first
    (tmp_path / "d" / "a").rename(tmp_path / "d" / "c")
    second = checksum(tmp_path / "d")
    (tmp_path / "d" / "c").write_text("z")
    assert len({first, second, checksum(tmp_path / "d")}) == 3


def test_a_run_goes_on_bit_for_bit_and_changed_data_are_told(tmp_path: Path) -> None:
    file = table(tmp_path / "rows.csv")
    whole = play("table", data=str(file), out=tmp_path / "whole", display=False, **SMALL)
    folder = shutil.copytree(whole.folder, tmp_path / "run")  # as a kill after turn 3 would have left it
    for later in [*(folder / "checkpoints").glob("turn-00000006*"), *(folder / "checkpoints").glob("best*")]:
        later.unlink()
    rows = [line for line in (folder / "trace.jsonl").read_text().splitlines() if json.loads(line)["turn"] <= 3]
    (folder / "trace.jsonl").write_text("".join(f"{row}\n" for row in rows))
    table(file, 1.0)
    keep.cache_clear()
    tables.load.cache_clear()
    with pytest.warns(ArenaWarning, match=r"rows.csv has changed since; the former content is played, from its copy"):
        assert resume(folder, display=False).turns == 6
    ends = [load_player(folder, "generator").state_dict() for folder in (whole.folder, folder)]
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())
    file.unlink()
    keep.cache_clear()
    with pytest.warns(ArenaWarning, match=r"rows.csv does not exist any more: its copy in the cache is played"):
        keep(_marked(whole.folder), "rows")
    for folder in cache().glob("rows-*"):
        shutil.rmtree(folder)
    keep.cache_clear()
    with pytest.raises(DataUnavailable, match=r"rows.csv does not exist, and the cache has no copy of it"):
        keep(_marked(whole.folder), "rows")
    table(file, 2.0)
    with pytest.raises(DataDamaged, match=r"rows.csv has changed: its checksum was [0-9a-f]{16} and is [0-9a-f]{16}. Expected the data"):
        keep(_marked(whole.folder), "rows")


def _marked(folder: Path) -> Source:
    line = next(line for line in (folder / "config.yaml").read_text().splitlines() if line.startswith("data: "))
    return Source.of(line.removeprefix("data: "))


def test_an_interrupted_conversion_leaves_nothing_and_a_damaged_copy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source.of(table(tmp_path / "mine.csv"))
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        patch.setattr("arena.data.converting.write_whole", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(Exception, match=r"cannot hold the data set \(No space left on device\). Fix: make room, or set ARENA_CACHE"):
            keep(source)
    assert not list(cache().glob("mine-*")) and not list(cache().glob(".part-*"))
    kept = keep(source)
    (kept.folder / "x_train.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataDamaged, match=r"is damaged .*. Fix: delete it, to convert mine.csv again"):
        kept.arrays()


def test_labels_of_any_kind_and_more_than_255(tmp_path: Path) -> None:
    labels = [f"{number - 300}" for number in range(600)]
    (tmp_path / "many.csv").write_text("x,label\n" + "".join(f"{n},{label}\n" for n, label in enumerate(labels)))
    kept = keep(Source.of(tmp_path / "many.csv"))
    assert kept.labels == tuple(range(-300, 300))
    arrays = kept.arrays()
    np.testing.assert_array_equal(arrays["x_train"][:, 0], arrays["y_train"])


@pytest.mark.thorough
def test_data_larger_than_memory_are_converted_and_played(tmp_path: Path) -> None:
    """Two gigabytes of images, of which a process that may hold 700 MB of its own trains on some."""
    count = 2_000_000_000 // (64 * 64 * 3)
    big = np.lib.format.open_memmap(tmp_path / "big.npy", mode="w+", dtype=np.uint8, shape=(count, 64, 64, 3))
    big[::1000] = 255
    big.flush()
    del big
    code = f"""
import resource, torch
from arena.data import keep, Source
from arena.config import configure
def own():
    return next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('RssAnon')) // 1024
before = own()
arena = configure('gan', {{'data': {str(tmp_path / "big.npy")!r}, 'size': 32, 'batch': 8, 'turns': 3}}).build()
arena.reset(seed=0)
arena.play_turn((1, 1, 1.0))
print(arena.game.real(4, torch.Generator()).shape[1:], own() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 700, done.stdout
