"""Reports: complete pages that show what a folder holds, and say what it lacks."""

import html
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

import arena
from arena.cli import main
from arena.config import configure
from arena.errors import ArenaError
from arena.report import write_report
from arena.report.images import embedded
from arena.report.series import MOST, thinned
from arena.trace import read_trace
from tests.conftest import QUIET, Cli
from tests.support.rendering import rendering

pytestmark = pytest.mark.rendered

MIB = 2**20


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "run"
    settings = {
        "generator.hidden": (8,),
        "discriminator.hidden": (8,),
        "batch": 16,
        "trace.every": 10,
        "score.every": 20,
        "picture.every": 40,
    }
    with rendering():
        arena.play("ring", turns=120, out=folder, display=False, **settings, **{"trace.tensorboard": False})
    return folder


def data_of(page: Path) -> dict[str, Any]:
    """Return the data of a page's charts."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def titles(page: Path) -> list[str]:
    return [panel["title"] for group in data_of(page)["groups"] for panel in group["panels"]]


def test_a_run_shows_both_players_and_its_own_numbers(run: Path, tmp_path: Path) -> None:
    page = write_report([run], tmp_path / "r.html")
    text, rows = page.read_text(encoding="utf-8"), read_trace(run)
    (group,) = data_of(page)["groups"]
    losses = [panel for panel in group["panels"] if panel["title"] == "loss"]
    assert [panel["role"] for panel in losses] == ["generator", "discriminator"]
    (line,) = losses[0]["series"]
    told = {row["turn"]: row["generator.loss_mean"] for row in rows if "generator.loss_mean" in row}
    assert dict(zip(line["x"], line["y"], strict=True)) == pytest.approx(told, rel=1e-4)
    (score,) = (panel for panel in group["panels"] if panel["title"].startswith("score"))
    assert score["series"][0]["y"][-1] == pytest.approx(rows[-1]["score"], rel=1e-4)
    assert score["levels"][0]["y"] == pytest.approx(rows[-1]["ceiling"], rel=1e-4)
    assert [frame["turn"] for frame in data_of(page)["frames"][0]] == [0, 40, 80, 120]
    assert f"arena play --config {run / 'config.yaml'}" in text
    assert "<td>batch</td><td>16</td><td>256</td>" in text
    assert page.stat().st_size < 2 * MIB


def test_a_page_is_complete_and_asks_nobody(run: Path, tmp_path: Path) -> None:
    text = write_report([run], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?https?:", text)


def test_what_a_folder_says_is_text(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    folder.mkdir()
    rows = [{"kind": "turn", "turn": t, "</script><b>.loss": 0.1 * t} for t in range(3)]
    (folder / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = write_report([folder], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert text.count("</script>") == 3


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "trace.jsonl").unlink(), "trace.jsonl is missing"),
        (lambda folder: (folder / "config.yaml").write_text("game: [ring"), "The configuration cannot be used"),
        (lambda folder: (folder / "environment.json").write_text("{"), "environment.json is missing or damaged"),
        (lambda folder: _cut(folder / "trace.jsonl"), "The run has not ended: this page shows it up to turn"),
        (lambda folder: _break(folder / "trace.jsonl"), "is damaged: line 4 is not JSON"),
        (lambda folder: (folder / "pictures" / "turn-00000080.png").write_bytes(b"no picture"), "turn-00000080.png is no picture"),
    ],
)
def test_a_damaged_folder_says_what_is_missing_and_shows_the_rest(run: Path, tmp_path: Path, harm: Any, said: str) -> None:
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    harm(folder)
    page = write_report([folder])
    assert said in page.read_text(encoding="utf-8")
    assert ("loss" in titles(page)) == ("trace.jsonl is missing" not in said)


def _cut(trace: Path) -> None:
    trace.write_bytes(trace.read_bytes()[: trace.stat().st_size // 2])


def _break(trace: Path) -> None:
    lines = trace.read_bytes().split(b"\n")
    trace.write_bytes(b"\n".join([*lines[:3], b"\xff{", *lines[4:]]))


def test_runs_that_were_not_planned_together_are_laid_over_each_other(run: Path, tmp_path: Path) -> None:
    arena.play("bilinear", turns=60, out=tmp_path / "other", display=False, **QUIET)
    page = write_report([run, tmp_path / "other"], tmp_path / "r.html")
    score = next(panel for panel in data_of(page)["groups"][0]["panels"] if panel["title"].startswith("score"))
    assert [line["name"] for line in score["series"]] == ["run", "other"]
    assert "Settings that differ" in page.read_text(encoding="utf-8")


def test_every_experiment_ends_with_its_report_named_first(quick_cli: Cli, tmp_path: Path) -> None:
    rates = ("--vary", "x.lr=0.05,0.1", "--turns", "40", "--workers", "1")
    done = quick_cli("compare", "bilinear", *rates, "--seeds", "2", "--backend", "population", "--out", "c")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["report", "c/report.html"] in lines
    assert lines.index(["report", "c/report.html"]) < next(i for i, line in enumerate(lines) if "verdict" in line)
    panels = [panel for group in data_of(tmp_path / "c" / "report.html")["groups"] for panel in group["panels"]]
    score = next(panel for panel in panels if panel["title"].startswith("score"))
    assert [line["name"] for line in score["series"]] == ["x.lr=0.05", "x.lr=0.1"]
    assert all(low <= y <= high for line in score["series"] for low, y, high in zip(line["low"], line["y"], line["high"], strict=True))
    done = quick_cli("map", "bilinear", *rates, "--vary", "y.lr=0.05,0.1", "--out", "m")
    assert "report      m/report.html" in done.stdout
    heat = next(
        panel for group in data_of(tmp_path / "m" / "report.html")["groups"] for panel in group["panels"] if panel["kind"] == "heat"
    )
    table = (tmp_path / "m" / "map.csv").read_text().splitlines()
    assert len(heat["cells"]) == len(table) - 1 == 4


def test_the_command_that_plays_the_best_has_every_setting(tmp_path: Path) -> None:
    """Those of the experiment too, not only what it varied."""
    settings = {"turns": 40, "batch": 16, "generator.hidden": (8,), "discriminator.hidden": (8,), **QUIET}
    arena.compare("ring", vary={"rule": ["simultaneous", "optimistic"]}, settings=settings, seeds=1, workers=1, out=tmp_path / "c")
    text = html.unescape(write_report([tmp_path / "c"]).read_text(encoding="utf-8"))
    (words,) = re.findall(r"<pre>\S*arena play (ring .*?)</pre>", text)
    best = configure("ring", {}, words.split()[1:]).flat()
    assert {name: best[name] for name in settings if name not in QUIET} == {n: v for n, v in settings.items() if n not in QUIET}
    assert not {name for name in words.split() if name.startswith(("--trace", "--picture", "--checkpoint"))}


def test_a_report_that_cannot_be_written_stops_nothing(quick_cli: Cli, tmp_path: Path) -> None:
    words = ("compare", "bilinear", "--vary", "x.lr=0.05,0.1", "--turns", "20", "--backend", "population", "--workers", "1")
    assert quick_cli(*words, "--out", "c").returncode == 0
    (tmp_path / "c" / "report.html").unlink()
    (tmp_path / "c" / "report.html").mkdir()
    done = quick_cli("resume", "c")
    assert done.returncode == 0
    assert re.search(r"report +none: .*report.html cannot be written", done.stdout)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere is no folder"),
        ((".",), "has neither config.yaml nor trace.jsonl"),
        ((".", "--out"), "--out needs a file"),
        ((".", "--theme"), "'--theme' is no option of `arena report`"),
    ],
)
def test_wrong_words_are_told(quick_cli: Cli, words: tuple[str, ...], said: str) -> None:
    done = quick_cli("report", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_long_run_is_a_small_page_soon(tmp_path: Path) -> None:
    """100,000 turns with a row every ten."""
    names = [
        f"{role}.{field}" for role in ("x", "y") for field in ("loss", "loss_mean", "loss_low", "loss_high", "gradient_norm", "update_norm")
    ]
    rows = [
        {
            "kind": "turn",
            "turn": t,
            "gradient_evaluations": 2 * t,
            "products": 0,
            "x.moves": t,
            "y.moves": t,
            "score": 1 / (1 + t),
            "best": 0.1,
        }
        | {name: (t * 7919 % 1000) / 997 + place for place, name in enumerate(names)}
        for t in range(0, 100_001, 10)
    ]
    (tmp_path / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    began = time.perf_counter()
    page = write_report([tmp_path])
    assert time.perf_counter() - began < 5
    assert page.stat().st_size < 5 * MIB
    losses = next(panel for panel in data_of(page)["groups"][0]["panels"] if panel["title"] == "loss")
    assert len(losses["series"][0]["x"]) <= MOST


def test_thinning_keeps_every_extreme() -> None:
    values: list[float | None] = [0.0] * 50_000
    values[31_337], values[42], values[7] = 1e6, -1e6, None
    x, y = thinned(range(50_000), values)
    assert len(x) <= MOST + 2
    assert dict(zip(x, y, strict=True))[31_337] == 1e6
    assert min(value for value in y if value is not None) == -1e6


def test_a_picture_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(OSError, match="cannot identify"):
        embedded(tmp_path / "a.png")
    with pytest.raises(ArenaError, match="a report needs a folder"):
        write_report([])
    assert main(["report", "--help"]) == 0
