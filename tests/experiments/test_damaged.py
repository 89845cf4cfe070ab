"""Damaged files in the folder of an experiment: one sentence, nothing lost, and it goes on from what is whole."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.cli import main
from arena.errors import ArenaError, ArenaWarning
from arena.experiments import ledger
from arena.tuning.backends import repairing
from arena.tuning.backends.journal import open_study
from arena.tuning.backends.optuna import play_next
from arena.tuning.backends.trial_queue import WORKERS, TrialQueue
from arena.tuning.options import Options
from arena.tuning.plan import Sweep, begin, plan
from arena.tuning.space import parse_space

pytestmark = pytest.mark.filterwarnings("ignore::arena.errors.ArenaWarning")
QUIET = ("--turns", "12", "--trace.tensorboard", "false", "--workers", "1", "--backend")
COMMANDS = {
    "compare": ("compare", "bilinear", "--vary", "rule=simultaneous,extragradient", *QUIET, "in-place"),
    "map": ("map", "bilinear", "--vary", "x.lr=0.1,0.2", "--vary", "y.lr=0.1,0.2", *QUIET, "in-place"),
    "sweep": ("sweep", "bilinear", "--vary", "x.lr=log:0.01:0.1", "--trials", "4", "--seeds", "1", *QUIET, "population"),
}
PLANS = {"compare": "comparison.yaml", "map": "config.yaml", "sweep": "sweep.yaml"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison, a map and a sweep."""
    folder = tmp_path_factory.mktemp("experiments")
    for name, words in COMMANDS.items():
        assert main([*words, "--out", str(folder / name)]) == 0
    return folder


@pytest.fixture
def folders(played: Path, tmp_path: Path) -> Path:
    shutil.copytree(played, tmp_path / "own")
    return tmp_path / "own"


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Return the sentence in which a command refuses its input."""
    capsys.readouterr()
    assert main([*map(str, words)]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and len(said) < 600, said
    return said


ODD: dict[str, bytes] = {
    "empty": b"",
    "garbage": b"\x00\xff\x13garbage",
    "a list": b"[1, 2]",
    "a word": b"runs\n",
    "a number for the game": b"game: 3\n",
    "parts that are numbers": b"game: bilinear\nruns: 3\nmap: 3\nsweep: 3\n",
    "parts that are lists of numbers": b"game: bilinear\nruns: [3]\nmap: [3]\nsweep: [3]\n",
    "parts that are empty": b"game: bilinear\nruns: []\nmap: {}\nsweep: {}\n",
    "nested": b"runs: " + b"[" * 400,
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", PLANS)
def test_a_damaged_plan_is_refused(name: str, odd: str, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / name / PLANS[name]).write_bytes(ODD[odd])
    refused(capsys, "resume", folders / name)
    refused(capsys, name, folders / name)


WRONG: dict[str, dict[str, str]] = {
    "compare": {
        "seed: 0": "seed: zero",
        "variant: rule=simultaneous": "variant: [1]",
        "turns: ": "turns: x",
        "backend: in-place": "backend: 3",
    },
    "map": {
        "x: x.lr": "x: 3 #",
        "y: y.lr": "y: [1] #",
        "members: ": "members: -1 #",
        "backend: in-place": "backend: [a]",
        "map:": "map:\n  seeds: {a: 1}",
        "map:\n": "map:\n  options: [3]\n",
    },
    "sweep": {
        "space:": "space: 3\n  a:",
        "budget: ": "budget: x #",
        "untrained: ": "untrained: [] #",
        "ceiling: ": "ceiling: x #",
        "trials: 4": "trials: [4]",
        "seeds:": "seeds: 0\n  a:",
        "backend: ": "backend: [] #",
    },
}


@pytest.mark.parametrize(("name", "old"), [(name, old) for name, pairs in WRONG.items() for old in pairs])
def test_a_part_of_another_type_is_refused(name: str, old: str, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = folders / name / PLANS[name]
    text = plan.read_text()
    assert old in text
    plan.write_text(text.replace(old, WRONG[name][old], 1))
    refused(capsys, "resume", folders / name)


@pytest.mark.parametrize(
    "file", ["compare/comparison.yaml", "map/map.csv", "map/config.yaml", "sweep/sweep.yaml", "sweep/trials/00001.json"]
)
def test_nothing_is_read_through_links_and_pipes(file: str, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in (Path("/dev/zero"), None):
        (folders / file).unlink()
        if target is None:
            os.mkfifo(folders / file)
        else:
            (folders / file).symlink_to(target)
        refused(capsys, "resume", folders / file.partition("/")[0])
        refused(capsys, file.partition("/")[0], folders / file.partition("/")[0])


def test_a_variant_names_no_folder_outside() -> None:
    from arena.experiments.compare.plan import Job

    for variant in ("..", "/etc", "", "___", "../../x"):
        assert not Path(Job(variant, 0, {}).folder).is_absolute() and ".." not in Path(Job(variant, 0, {}).folder).parts


Damage = Callable[[bytes], bytes]
TABLES: dict[str, Damage] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-9],
    "cut after a digit": lambda data: data.rstrip(),
    "no UTF-8": lambda data: data[:150] + b"\xff" + data[150:],
    "a zero byte": lambda data: data[:150] + b"\x00" + data[150:],
    "a word for a number": lambda data: data.replace(b"finished", b"finished,x", 1),
    "another status": lambda data: data.replace(b"finished", b"done", 1),
    "another header": lambda data: data.replace(b"score", b"scope", 1),
    "an endless quote": lambda data: data.replace(b"finished", b'"finished', 1),
    "another cell": lambda data: data.replace(b"\n0.1,0.1", b"\n0.7,0.1", 1),
}


@pytest.mark.parametrize("damage", TABLES)
def test_the_damaged_rows_of_a_map_are_played_again(damage: str, folders: Path) -> None:
    table = folders / "map" / "map.csv"
    before = table.read_bytes()
    table.write_bytes(damaged := TABLES[damage](before))
    assert damaged != before
    if damaged:
        with pytest.raises(ArenaError, match=r"is not the table of this map .* Fix: arena resume"):
            from arena.experiments.map.reading import trials

            trials(folders / "map")
        with pytest.warns(ArenaWarning, match=r"map.csv is damaged: .* are played again. The damaged file is kept as map.csv.damaged"):
            assert main(["resume", str(folders / "map")]) == 0
        assert (folders / "map" / "map.csv.damaged").read_bytes() == damaged
    else:
        assert main(["resume", str(folders / "map")]) == 0
    assert table.read_bytes() == before


def other(**parts: object) -> Damage:
    return lambda data: json.dumps({**json.loads(data), **parts}).encode()


RECORDS: dict[str, Damage] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-20],
    "garbage": lambda data: b"\x00\xff",
    "nested": lambda data: b"[" * 99_999,
    "a list": lambda data: b"[]",
    "no number": lambda data: b"{}",
    "another number": other(number=2),
    "another status": other(status="done"),
    "values that are words": other(values={"criterion": "low"}),
    "no values": other(values={}),
    "a point that is a list": other(point=[1]),
    "runs that are numbers": other(runs=[1]),
    "an unknown part": other(color=1),
}


def without_times(folder: Path) -> list[object]:
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("trials/*.json"))]
    return [{name: part for name, part in record.items() if name not in ("seconds", "overhead")} for record in records]


@pytest.mark.parametrize("damage", RECORDS)
def test_a_damaged_record_is_set_aside_and_its_trial_played_again(damage: str, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = folders / "sweep", folders / "sweep" / "trials" / "00001.json"
    before = without_times(folder)
    file.write_bytes(damaged := RECORDS[damage](file.read_bytes()))
    assert "00001.json is not the record of a trial" in refused(capsys, "sweep", folder)
    with pytest.warns(ArenaWarning, match=r"00001.json is damaged: .* played again"):
        assert main(["resume", str(folder)]) == 0
    assert file.with_name("00001.json.damaged").read_bytes() == damaged
    assert without_times(folder) == before


@pytest.fixture(scope="module", params=["tpe", "qmc"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Path]:
    """A sweep whose trials Optuna asked for, with its folder."""
    options = Options(trials=4, seeds=(0,), sampler=request.param)
    sweep = plan("bilinear", {"turns": 12}, (), parse_space(["x.lr=log:0.01:0.1", "rule=simultaneous,extragradient"]), options)
    folder = begin(sweep, tmp_path_factory.mktemp("asked") / "sweep")
    (folder / WORKERS).mkdir()
    play_all(sweep, folder)
    return sweep, folder


def play_all(sweep: Sweep, folder: Path) -> None:
    queue = TrialQueue(sweep, folder, open_study(sweep, folder))
    queue.prepare()
    while play_next(queue, "0-1-2"):
        pass


JOURNALS: dict[str, Damage] = {
    "whole": lambda data: data,
    "empty": lambda data: b"",
    "garbage": lambda data: b"\x00\xff\x13\n" * 9,
    "a garbled line": lambda data: data.replace(b"\n{", b"\ngarbage{", 1),
    "cut": lambda data: data[: len(data) // 2],
    "another study": lambda data: data.replace(b"sweep", b"other"),
    "lists": lambda data: b"[]\n" * 9,
}


@pytest.mark.parametrize("lost", [None, 1, 3])
@pytest.mark.parametrize("damage", JOURNALS)
def test_a_damaged_journal_is_written_again_from_the_records(
    damage: str, lost: int | None, asked: tuple[Sweep, Path], tmp_path: Path
) -> None:
    """Trials without a record are played again under their numbers; a whole journal is left alone if no record is lost."""
    sweep, folder = asked[0], tmp_path / "sweep"
    shutil.copytree(asked[1], folder)
    journal = folder / "journal.log"
    journal.write_bytes(damaged := JOURNALS[damage](journal.read_bytes()))
    if lost is not None:
        (folder / "trials" / f"{lost:05d}.json").write_bytes(b"{")
    whole = damage == "whole" and lost is None
    with contextlib.nullcontext() if whole else pytest.warns(ArenaWarning):
        ledger.repair(folder)
        repairing.repair(sweep, folder)
    assert whole != (folder / "journal.log.damaged").exists() and (whole or (folder / "journal.log.damaged").read_bytes() == damaged)
    study = open_study(sweep, folder)
    TrialQueue(sweep, folder, study).recover_lost()
    trials = study.get_trials()
    assert [trial.state.name for trial in trials] == ["WAITING" if number == lost else "COMPLETE" for number in range(len(trials))]
    play_all(sweep, folder)
    before, after = (ledger.read_all(of) for of in (asked[1], folder))
    assert [record.number for record in after] == [0, 1, 2, 3]
    for old, new in zip(before, after, strict=True):
        if old.number != lost or sweep.options.planned or damage == "whole":
            assert (old.point, old.values) == (new.point, new.values)
    repairing.repair(sweep, folder)  # nothing is left to repair
