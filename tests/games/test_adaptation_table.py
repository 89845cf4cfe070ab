"""The table of the adaptation literature, from numbers whose answer is known, and out of a comparison that is played."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from arena.core.result_table import VariantResult
from arena.experiments.compare import compare
from arena.experiments.compare.report import report
from arena.games.adaptation.dann import DANN
from arena.games.adaptation.table import ACCURACY, CROSS_ENTROPY, published, table

PAIR = {"source": "mnist", "target": "usps"}


def variant(regime: str, *accuracies: float, runs: int | None = None, settings: dict[str, str] = PAIR, **varied: str) -> VariantResult:
    ends = [{ACCURACY: accuracy, CROSS_ENTROPY: 1.5} for accuracy in accuracies]
    return VariantResult({"regime": regime, **varied}, settings, ends, len(ends) if runs is None else runs)


def test_rows_of_known_numbers() -> None:
    found = table([variant("source-only", 0.7, 0.8), variant("adapt", 0.9, 0.92), variant("target-only", 0.95, 0.97)], "dann")
    assert found is not None
    assert found.head == ["regime", "target accuracy % (mean ± SD)", "cross-entropy", "gain", "of gap", "published", "verdict"]
    assert [list(row) for row in found.rows] == [
        ["source-only", "75.0 ± 7.1", "1.50", "–", "–", "75.2", "–"],
        ["adapt", "91.0 ± 1.4", "1.50", "+16.0", "76 %", "[90.4]; ADDA 89.4, [MCD 94.2]", "better than source-only"],
        ["target-only", "96.0 ± 1.4", "1.50", "+21.0", "–", "97.0", "better than source-only"],
    ]
    assert found.notes[0].startswith("mnist → usps: ")


def test_adaptation_that_harms_is_called_so() -> None:
    found = table([variant("source-only", 0.713), variant("adapt", 0.61)], "dann")
    assert found is not None
    assert found.rows[1][3] == "-10.3" and found.rows[1][-1] == "worse than source-only, in one seed"


def test_a_gain_within_two_standard_errors_is_no_gain_yet() -> None:
    """Means .80 and .76, variances .0008 each: the error of the difference is √(.0008 / 2 + .0008 / 2) = .028."""
    near, far = ([variant("source-only", 0.74, 0.78), variant("adapt", a, a + 0.04)] for a in (0.78, 0.83))
    verdicts = [found.rows[1][-1] for found in (table(near, "dann"), table(far, "dann")) if found is not None]
    assert verdicts == ["better than source-only, within the spread of the seeds", "better than source-only"]


def test_runs_that_did_not_end_are_counted() -> None:
    found = table([variant("source-only", 0.7, 0.7), variant("adapt", 0.9, runs=2)], "dann")
    assert found is not None
    assert found.rows[1][-1] == "1 of 2 runs did not end"


def test_each_setting_that_varies_beside_the_regime_has_its_own_source_only() -> None:
    both = [variant(regime, accuracy, mode=mode) for mode, accuracy in (("a", 0.5), ("b", 0.6)) for regime in ("source-only", "adapt")]
    both[3] = variant("adapt", 0.7, mode="b")
    found = table(both, "dann")
    assert found is not None
    assert found.head[0] == "mode"
    assert [row[4] for row in found.rows] == ["–", "+0.0", "–", "+10.0"]


def test_without_labels_or_regimes_there_is_nothing_to_tell() -> None:
    bare = VariantResult({"regime": "adapt"}, {"source": "digits", "target": "own.npz"}, [{"score": None}], 1)
    found = table([bare], "dann")
    assert found is not None
    assert list(found.notes) == ["digits → own.npz: the target has no labels, so that no accuracy can be measured."]
    assert found.rows[0][1] == "–"
    assert DANN.comparison([VariantResult({"rule": "sga"}, PAIR, [], 1)]) is None


def test_published_numbers_go_by_method() -> None:
    assert published("svhn", "mnist", "adapt", "generate-to-adapt").startswith("92.4")
    assert published("svhn", "mnist", "real-fake", "generate-to-adapt") == "79"
    assert published("svhn-10k", "mnist", "adapt", "dann") == "–"  # the small protocol is not what papers report


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    small = {"extractor.hidden": (8, 6), "domain.hidden": (8,), "batch": 16, "turns": 4, "trace.tensorboard": False}
    out = tmp_path_factory.mktemp("compare") / "dann"
    return compare("dann", {"regime": ["source-only", "adapt"]}, seeds=2, out=out, workers=1, settings=small)


@pytest.mark.thorough
def test_a_comparison_prints_and_keeps_the_game_s_own_table(played) -> None:  # type: ignore[no-untyped-def]
    printed = io.StringIO()
    report(played, console=Console(file=printed, width=200))
    kept = (Path(played.folder) / "table.md").read_text()
    assert kept.splitlines()[0].startswith("| regime | target accuracy % (mean ± SD) | ")
    assert "moons → rotated-moons" in kept and (Path(played.folder) / "comparison.csv").is_file()
    for cell in played.own_table.rows[1]:
        assert cell in kept and cell in printed.getvalue()
    assert "table.md" in printed.getvalue()


@pytest.mark.thorough
def test_the_table_has_the_accuracies_of_the_runs(played) -> None:  # type: ignore[no-untyped-def]
    for row, summary in zip(played.own_table.rows, played.summaries, strict=True):
        mean = 100 * (1 - sum(o.score for o in summary.outcomes) / 2)
        assert row[1].split(" ± ")[0] == f"{mean:.1f}"
