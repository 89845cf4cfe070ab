"""What trackers are told, what becomes of one that fails, and how a run ends from outside."""

import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import arena
from arena.errors import ArenaError, ArenaWarning
from arena.trace import read_trace
from arena.trackers import Picture, Started
from arena.trackers.active import construct
from tests.conftest import Cli

QUICK = {"trace.every": 5, "score.every": 10, "checkpoint.every": 10, "picture.every": 20, "metrics.every": 0, "trace.tensorboard": False}
METHODS = ("on_begin", "on_look", "on_picture", "on_alarm", "on_checkpoint", "on_end")


def play(folder: Path, *trackers: Any, turns: int = 40, **more: Any) -> arena.Result:
    settings = {**QUICK, "turns": turns, **more}
    return arena.play("bilinear", out=folder, display=False, trackers=trackers, **settings)


class Diary(arena.Tracker):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def on_begin(self, run: Started) -> None:
        self.told.append(("begin", run))

    def on_look(self, row: Mapping[str, Any]) -> None:
        self.told.append(("look", dict(row)))

    def on_picture(self, picture: Picture) -> None:
        assert picture.file.is_file()
        self.told.append(("picture", (picture.turn, picture.name)))

    def on_alarm(self, row: Mapping[str, Any]) -> None:
        self.told.append(("alarm", dict(row)))

    def on_checkpoint(self, turn: int, file: Path) -> None:
        assert file.is_file()
        self.told.append(("checkpoint", turn))

    def on_end(self, row: Mapping[str, Any]) -> None:
        self.told.append(("end", dict(row)))

    def of(self, kind: str) -> list[Any]:
        return [what for name, what in self.told if name == kind]


def test_a_tracker_is_told_everything_that_the_trace_holds(tmp_path: Path) -> None:
    diary = Diary()
    result = play(tmp_path / "run", diary, **{"x.lr": 1.0, "y.lr": 1.0})
    rows = read_trace(result.trace)
    assert [row["kind"] for row in rows].count("alarm") == 1
    assert [what for name, what in diary.told if name in ("look", "alarm", "end")] == rows
    assert (diary.told[0][0], diary.told[-1][0]) == ("begin", "end")
    (run,) = diary.of("begin")
    assert (run.game, run.turn, run.resumed, run.roles) == ("bilinear", 0, False, ("x", "y"))
    assert run.settings["x.lr"] == 1.0 and run.config == (tmp_path / "run/config.yaml").read_text()
    assert diary.of("picture") == [(0, "picture"), (20, "picture"), (40, "picture")]
    assert {*range(0, 41, 10)} <= {*diary.of("checkpoint")}


@pytest.mark.parametrize("method", METHODS)
def test_a_tracker_that_fails_never_ends_a_run_and_warns_once(method: str, tmp_path: Path) -> None:
    calls = []

    def fail(*what: object) -> None:
        calls.append(what)
        raise ConnectionError("the server is gone")

    broken = type("Broken", (arena.Tracker,), {method: lambda self, *what: fail(*what)})()
    diary = Diary()
    diverging = {"x.lr": 1.0, "y.lr": 1.0}  # with an alarm
    with pytest.warns(ArenaWarning, match=rf"the tracker Broken failed in {method} \(ConnectionError: the server is gone\)") as told:
        result = play(tmp_path / "run", broken, diary, **diverging)
    assert (result.status, len(told), len(calls)) == ("finished", 1, 1)
    assert result.trace.read_bytes() == play(tmp_path / "plain", **diverging).trace.read_bytes()
    assert diary.told[-1][0] == "end"


def test_a_run_under_trackers_has_the_bytes_of_a_plain_one_and_resumes_exactly(tmp_path: Path) -> None:
    def stop_at_20(row: Mapping[str, Any]) -> None:
        if row["turn"] == 20:
            raise TimeoutError("the machine is needed")

    whole = play(tmp_path / "whole", "csv", Diary())
    with pytest.raises(TimeoutError, match="the machine is needed"):
        play(tmp_path / "cut", "csv", on_look=stop_at_20)
    with (tmp_path / "cut/trace.csv").open("a") as file:
        file.write("35,0.9\n36,")  # a process that was killed leaves rows after its last checkpoint, and half a row
    diary = Diary()
    resumed = arena.resume(tmp_path / "cut", display=False, trackers=[diary])
    (run,) = diary.of("begin")
    assert (run.turn, run.resumed) == (20, True) and [row["turn"] for row in diary.of("look")] == [25, 30, 35, 40]
    for name in ("trace.jsonl", "trace.csv", "pictures/turn-00000020.png"):
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name
    plain = play(tmp_path / "plain")
    assert plain.trace.read_bytes() == whole.trace.read_bytes()


def test_the_table_has_the_numbers_of_the_trace(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    result = play(tmp_path / "run", "csv")
    table = pandas.read_csv(tmp_path / "run/trace.csv").set_index("turn")
    frame = arena.read(result.folder)
    assert [*table.index] == [*frame.index] == [*range(0, 41, 5)]
    for name in ("x.loss", "score", "best", "y.moves"):
        pandas.testing.assert_series_equal(table[name], frame[name], check_dtype=False)


@pytest.mark.parametrize("way", ["returns True", "raises StopRun", "a tracker returns True"])
def test_a_run_is_stopped_from_outside_and_is_saved(way: str, tmp_path: Path) -> None:
    def enough(row: Mapping[str, Any]) -> bool:
        if row["turn"] < 15:
            return False
        if way == "raises StopRun":
            raise arena.StopRun("fifteen turns are enough")
        return True

    if way == "a tracker returns True":
        result = play(tmp_path / "run", type("Watch", (arena.Tracker,), {"on_look": lambda self, row: enough(row)})())
    else:
        result = play(tmp_path / "run", on_look=enough)
    reason = {"returns True": "on_look returned True", "raises StopRun": "fifteen turns are enough"}.get(way, "Watch returned True")
    assert (result.status, result.turns, result.reason) == ("stopped", 15, reason)
    assert read_trace(result.trace)[-1] | {"kind": "end", "status": "stopped", "turn": 15, "reason": reason} == read_trace(result.trace)[-1]
    assert (result.folder / "checkpoints/turn-00000015.pt").is_file() and (result.folder / "traces.png").is_file()
    again = arena.resume(result.folder, display=False)
    assert (again.status, again.turns) == ("stopped", 15)
    with pytest.raises(ArenaError, match="was stopped by a tracker at turn 15 of 40"):
        arena.resume(result.folder, turns=80, display=False)


def test_an_os_error_of_on_look_is_not_taken_for_one_of_the_disk(tmp_path: Path) -> None:
    def fail(row: Mapping[str, Any]) -> None:
        raise ConnectionRefusedError("no server")

    with pytest.raises(ConnectionRefusedError, match="no server"):
        play(tmp_path / "run", on_look=fail)


@pytest.mark.filterwarnings("ignore")
def test_an_objective_of_optuna_reports_and_prunes(tmp_path: Path) -> None:
    """The user's own study: bad rates spiral out and are pruned in the middle of their runs."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: Any) -> float:
        rate = trial.suggest_float("rate", 0.01, 2.0, log=True)

        def report(row: Mapping[str, Any]) -> None:
            if row["turn"] and "score" in row:  # Optuna compares a trial's best report
                trial.report(row["score"], row["turn"])
                if trial.should_prune():
                    raise optuna.TrialPruned

        result = play(tmp_path / f"trial-{trial.number}", on_look=report, **{"x.lr": rate, "y.lr": rate})
        assert result.score is not None
        return result.score

    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=5))
    for rate in (0.05, 1.5, 0.04):
        study.enqueue_trial({"rate": rate})
    study.optimize(objective, n_trials=3)
    states = [trial.state.name for trial in study.trials]
    assert states[:2] == ["COMPLETE", "PRUNED"] and max(study.trials[1].intermediate_values) == 10
    assert read_trace(tmp_path / "trial-1")[-1]["turn"] == 10
    assert arena.resume(tmp_path / "trial-1", display=False).status == "finished", "a pruned run can go on"


def test_rows_become_a_frame(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    result = play(tmp_path / "run", **{"x.lr": 1.0, "y.lr": 1.0})
    frame = arena.read(result.folder)
    rows = [row for row in read_trace(result.trace) if row["kind"] == "turn"]
    assert frame.index.name == "turn" and frame["score"].dropna().tolist() == [row["score"] for row in rows if "score" in row]
    assert arena.read(result.trace, "alarm")["raised"].tolist() == [True]
    with pytest.raises(ArenaError, match=r"nowhere does not exist\. Expected a run folder\. Fix: arena runs"):
        arena.read(tmp_path / "nowhere")


def test_a_tracker_of_a_file_is_chosen_by_its_name_and_arguments(quick_cli: Cli, tmp_path: Path) -> None:
    code = """
    from arena import Tracker

    class Scores(Tracker):
        \"\"\"Writes scores.\"\"\"
        def __init__(self, name: str = "scores.txt"):
            self.name = name
        def on_begin(self, run):
            self.file = run.folder / self.name
        def on_look(self, row):
            if "score" in row:
                with self.file.open("a") as file:
                    file.write(f"{row['turn']}\\n")
    """
    (tmp_path / "scores.py").write_text(textwrap.dedent(code))
    words = [f"--{name}={str(value).lower()}" for name, value in QUICK.items()]
    named = f"{tmp_path}/scores.py:Scores(name=mine.txt),csv"
    done = quick_cli("play", "bilinear", "--turns", "20", "--out", str(tmp_path / "run"), "--trackers", named, *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/mine.txt").read_text().split() == ["0", "10", "20"] and (tmp_path / "run/trace.csv").is_file()
    assert "mine.txt" in (tmp_path / "run/config.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("wandbb", "unknown tracker 'wandbb': did you mean 'wandb'"),
        ("csv(file=x)", "unknown argument of csv 'file'"),
        ("csv,csv", "the tracker 'csv' is named twice"),
    ],
)
def test_wrong_names_are_told_before_there_is_a_folder(words: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match=said.replace("(", r"\(")):
        play(tmp_path / "run", *words.split(","))
    assert not (tmp_path / "run").exists()


def test_a_missing_library_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArenaError, match=r"the tracker mlflow needs mlflow, which is not installed; type: pip install -e '\.\[mlflow\]'"):
        construct(["mlflow"])


def test_trackers_may_change_from_one_resume_to_the_next(tmp_path: Path) -> None:
    def cut(row: Mapping[str, Any]) -> None:
        if row["turn"] == 10:
            raise KeyError

    with pytest.raises(KeyError):
        play(tmp_path / "run", on_look=cut)
    file = tmp_path / "run/config.yaml"
    file.write_text(file.read_text().replace("trackers: []", "trackers: [csv]"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert arena.resume(tmp_path / "run", display=False).status == "finished"
    assert len((tmp_path / "run/trace.csv").read_text().splitlines()) == 7
