"""Reports on the folder of any kind of experiment: the table, the map and the sensitivity report, and that none disturbs what is there."""

import contextlib
import csv
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from arena.cli import main
from arena.errors import ArenaError, UnknownName
from arena.experiments import table
from arena.experiments.map.reading import map_of
from arena.experiments.playing import play_alone
from arena.experiments.trials import show_report, trials_of
from arena.tuning.space import Dimension, space_of

Cli = Callable[..., subprocess.CompletedProcess[str]]
OLD = Path(__file__).parent.parent / "data" / "old_folders"
SHARED = ("--seeds", "2", "--turns", "24", "--workers", "1", "--dtype", "float64")
COMMANDS = {
    "compare": ("--vary", "x.lr=0.05,0.1,0.2", "--vary", "rule=simultaneous,extragradient,optimistic", "--budget", "turns",
                "--backend", "population", "--trace.tensorboard", "false"),
    "map": ("--vary", "x.lr=0.05:0.5:3", "--vary", "rule=simultaneous,extragradient,optimistic"),
    "sweep": ("--vary", "x.lr=log:0.05:0.5", "--vary", "rule=simultaneous,extragradient", "--vary", "*.momentum=0:0.5", "--trials", "9",
              "--backend", "population"),
}  # fmt: skip
KINDS = tuple(COMMANDS)


pytestmark = pytest.mark.thorough  # one experiment of each kind is played for all


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison, a map and a sweep of f = xy, in one folder, each with what it printed."""
    out = tmp_path_factory.mktemp("reports")
    for kind, words in COMMANDS.items():
        with (out / f"{kind}.txt").open("w") as file, contextlib.redirect_stdout(file):
            assert main([kind, "bilinear", *words, *SHARED, "--out", str(out / kind)]) == 0
    return out


@pytest.fixture
def copy(played: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a folder that was played, or of an old one."""

    def of(name: str) -> Path:
        return Path(shutil.copytree(played / name if name in KINDS else OLD / name, tmp_path / name))

    return of


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Trials --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_is_the_runs_of_its_configuration(kind: str, played: Path) -> None:
    trials = trials_of(played / kind)
    assert len(trials.ended) == len(trials.records) == 9
    assert trials.seeds == [0, 1]
    assert [*trials.vary][:2] == ["x.lr", "rule"]
    for record in trials.records[::4]:
        assert record.whole and len(record.runs) == 2
        for run in record.runs:
            config = trials.config(record.point, run.seed)
            (outcome,) = play_alone([config], 100)
            assert run.score == pytest.approx(outcome.score, rel=1e-6)
            assert run.history[0][1] == pytest.approx(outcome.start, rel=1e-9)


def test_a_diverged_run_has_the_same_finite_value_in_every_kind(tmp_path: Path) -> None:
    """Ten times that of untrained players, as in a sweep."""
    vary = ("--vary", "x.lr=3,4", "--vary", "y.lr=3,4", "--seeds", "1", "--turns", "40", "--workers", "1")
    more = {"compare": ("--budget", "turns", "--trace.tensorboard", "false", "--backend", "population"), "map": ()}
    for kind, words in more.items():
        assert main([kind, "bilinear", *vary, *words, "--out", str(tmp_path / kind)]) == 0
        trials = trials_of(tmp_path / kind)
        start = trials.records[0].runs[0].history[0][1]
        assert {(record.status, record.verdict) for record in trials.records} == {("finished", "diverged")}
        assert [record.value for record in trials.records] == pytest.approx([10 * start] * 4)


# Each report on each kind ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_of_every_kind(kind: str, played: Path, quick_cli: Cli) -> None:
    before = contents(played / kind)
    done = quick_cli("compare", str(played / kind))
    assert done.returncode == 0, done.stderr
    head, *rows = (line for line in done.stdout.splitlines() if line.strip())
    assert head.split()[:2] == ["x.lr", "rule"] and "score (mean ± SD)" in head and head.rstrip().endswith("verdict")
    for record, row in zip(trials_of(played / kind).records, rows, strict=False):
        assert str(record.point["rule"]) in row and record.verdicts in row
        mean = sum(run.score for run in record.runs) / 2  # type: ignore[misc]
        assert f"{mean:.3g} ± " in row
    assert contents(played / kind) == before


def test_the_table_of_a_comparison_is_the_one_that_was_printed(played: Path, quick_cli: Cli) -> None:
    again = quick_cli("compare", str(played / "compare")).stdout
    assert again and again in (played / "compare.txt").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_of_every_kind(kind: str, copy: Callable[[str], Path], quick_cli: Cli) -> None:
    folder = copy(kind)
    (folder / "map.png").unlink(missing_ok=True)
    before = contents(folder)
    done = quick_cli("map", str(folder))
    assert done.returncode == 0, done.stderr
    assert f"picture     {folder}/map.png" in done.stdout
    assert {name for name, text in contents(folder).items() if before.get(name) != text} == {"map.png"}
    best = re.search(r"best +(arena play .*)", done.stdout)
    assert best is not None and quick_cli(*best[1].split()[1:]).returncode == 0


def test_the_map_of_a_map_has_its_axes_and_its_cells(played: Path) -> None:
    from arena.experiments.map.plan import load
    from arena.experiments.map.play import finish

    trials = trials_of(played / "map")
    found, own = map_of(trials), finish(load(played / "map"), played / "map", 1)
    assert (found.plan.x, found.plan.y) == (own.plan.x, own.plan.y)
    assert found.cells == own.cells and found.best == own.best
    other = map_of(trials, ["rule", "x.lr"])
    assert (other.plan.x, other.plan.y) == (own.plan.y, own.plan.x)


def test_a_setting_of_both_players_is_an_axis_too(copy: Callable[[str], Path], quick_cli: Cli) -> None:
    folder = copy("sweep")
    done = quick_cli("map", str(folder), "--vary", "*.momentum", "--vary", "x.lr")
    assert done.returncode == 0, done.stderr
    assert "*.momentum" in done.stdout.splitlines()[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_sensitivity_report_of_every_kind(kind: str, copy: Callable[[str], Path], quick_cli: Cli) -> None:
    folder = copy(kind)
    before = contents(folder)
    done = quick_cli("sweep", str(folder))
    assert done.returncode == 0, done.stderr
    for text in ("PED-ANOVA", "tolerance", "x.lr", "explain", "careful", "replay"):
        assert text in done.stdout, text
    out = folder if kind == "sweep" else folder / "sensitivity"
    changed = {name for name, text in contents(folder).items() if before.get(name) != text}
    assert kind == "sweep" or all(name.startswith("sensitivity/") for name in changed)
    assert {"importance.png", "tolerance.png", "parallel.png", "seeds.png"} <= {path.name for path in out.glob("*.png")}
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rule"] for row in rows] == [record.point["rule"] for record in trials_of(folder).records]
    settings = yaml.safe_load((out / "best.yaml").read_text())
    best = trials_of(folder).best
    assert best is not None and settings["x"]["lr"] == pytest.approx(best.point["x.lr"])


def test_numbers_that_were_played_are_a_range_and_words_are_choices(played: Path) -> None:
    rules = ("simultaneous", "extragradient", "optimistic")
    assert space_of(trials_of(played / "compare")).dimensions == (Dimension("x.lr", 0.05, 0.2), Dimension("rule", choices=rules))
    assert space_of(trials_of(played / "map")).dimensions == (Dimension("x.lr", 0.05, 0.5, log=True), Dimension("rule", choices=rules))
    assert space_of(trials_of(played / "compare"), ["rule"]).names == ("rule",)


def test_a_report_over_some_settings(copy: Callable[[str], Path], quick_cli: Cli) -> None:
    folder = copy("sweep")
    before = contents(folder)
    done = quick_cli("sweep", str(folder), "--vary", "x.lr")
    assert done.returncode == 0, done.stderr
    assert "x.lr" in done.stdout and "rule     " not in done.stdout
    assert {name for name, text in contents(folder).items() if before.get(name) != text} == {
        name for name in contents(folder) if name.startswith("sensitivity/")
    }
    assert quick_cli("compare", str(folder), "--vary", "rule").stdout.split()[:2] == ["rule", "score"]


def test_any_command_prints_any_report(played: Path, quick_cli: Cli) -> None:
    by_map = quick_cli("map", str(played / "sweep"), "--report", "table")
    assert by_map.stdout == quick_cli("compare", str(played / "sweep")).stdout != ""
    with pytest.raises(UnknownName, match="unknown report 'tabel': did you mean 'table'"):
        show_report("tabel", played / "sweep")


# What has not ended ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["compare-interrupted", "map-interrupted", "sweep-interrupted"])
def test_reports_on_an_interrupted_experiment_leave_it_to_be_resumed(name: str, copy: Callable[[str], Path], quick_cli: Cli) -> None:
    """And no mean has a run in it that has not ended."""
    folder = copy(name)
    before = contents(folder)
    trials = trials_of(folder)
    printed = quick_cli("compare", str(folder))
    assert printed.returncode == 0
    for record, row in zip(trials.records, printed.stdout.splitlines()[1:], strict=False):
        assert record.whole == ("–" not in row), row
    few = quick_cli("sweep", str(folder))
    count = len(trials.ended)
    assert few.stderr == f"arena: of {folder}, {count} points were played to their ends. Expected at least 8 for this report\n"
    if not name.startswith("compare"):  # with one setting
        drawn = quick_cli("map", str(folder))
        assert drawn.returncode == 0, drawn.stderr
    now = contents(folder)
    assert {key: text for key, text in now.items() if key != "map.png"} == before


def test_runs_that_have_not_ended_are_counted_as_unfinished_and_played_on(copy: Callable[[str], Path], quick_cli: Cli) -> None:
    folder = copy("map")
    whole = (folder / "map.csv").read_text()
    (folder / "map.csv").write_text("".join(whole.splitlines(keepends=True)[:-1]))
    trials = trials_of(folder)
    (cut,) = (record for record in trials.records if not record.whole)
    assert len(trials.ended) == 8 and re.fullmatch(r"\w+ 1/2, unfinished 1/2", cut.verdicts)
    assert len(map_of(trials).runs) == 17
    assert quick_cli("sweep", str(folder)).returncode == 0
    with (folder / "sensitivity" / "importance.csv").open() as file:
        assert len(list(csv.reader(file))) > 4
    assert quick_cli("resume", str(folder)).returncode == 0
    assert (folder / "map.csv").read_text() == whole


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compare", "{nothing}"), "{nothing} is the folder of no experiment. Expected one that holds one of comparison.yaml, map.csv, "
         "sweep.yaml"),
        (("map", "{compare}", "--vary", "y.lr"), "{compare} has trials over x.lr, rule, not over 'y.lr'"),
        (("map", "{compare}", "--vary", "x.lr"), "{compare} has trials over x.lr, rule. Expected two of them for a map. Fix: "
         "--vary x.lr --vary rule"),
        (("compare", "{map}", "--seeds", "3"), "'--seeds' is too much: a report takes a folder, --report NAME and --vary SETTING"),
        (("compare", "{empty}"), "{empty} has no run that has ended. Fix: arena resume {empty}"),
    ],
)  # fmt: skip
def test_what_cannot_be_reported_gets_one_sentence(words: tuple[str, ...], message: str, played: Path, quick_cli: Cli) -> None:
    places = {name: str(played / name) for name in (*KINDS, "nothing", "empty")}
    Path(places["nothing"]).mkdir(exist_ok=True)
    if not Path(places["empty"]).exists():
        shutil.copytree(places["map"], places["empty"])
        Path(places["empty"], "map.csv").write_text("")
    done = quick_cli(*(word.format(**places) for word in words))
    assert (done.returncode, done.stderr) == (2, f"arena: {message.format(**places)}\n")


def test_a_comparison_over_seeds_alone_has_a_table_and_nothing_else(tmp_path: Path, quick_cli: Cli) -> None:
    words = ("--seeds", "2", "--turns", "12", "--backend", "population", "--workers", "1", "--trace.tensorboard", "false")
    assert quick_cli("compare", "bilinear", *words, "--out", "c").returncode == 0
    assert re.search(r"variant +score.*\nas it is ", quick_cli("compare", "c").stdout)
    assert "has trials over no settings. Expected two" in quick_cli("map", "c").stderr
    with pytest.raises(ArenaError, match="1 points were played to their ends"):
        show_report("sensitivity", tmp_path / "c")


def test_many_reasons_are_cut_short(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    table.report(OLD / "map-finished")
    assert re.search(r"x\.lr=0\.1, rule=simultaneous: the score ended at 20\.4", capsys.readouterr().out)
    monkeypatch.setattr(table, "REASONS", 0)
    table.report(OLD / "map-finished")
    assert "  … and 1 more" in capsys.readouterr().out
