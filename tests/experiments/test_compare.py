"""Comparisons: what is planned, that measurement meets theory, the published verdicts, and that nothing is lost when processes die."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from arena.errors import ArenaError, FolderInTheWay
from arena.experiments.compare import Verdict, compare, figures
from arena.experiments.compare.figures import labels
from arena.experiments.compare.plan import Job, load, plan, values_of
from arena.experiments.compare.play import finish
from arena.experiments.compare.results import Summary, TracedRun, spent
from arena.experiments.verdict import contraction
from arena.registry import entries
from tests.conftest import QUIET, Cli
from tests.support.rendering import rendering

RULES = ["adaptive-competitive-gradient-descent", "simultaneous", "averaging", "consensus", "follow-the-ridge"]


@pytest.fixture(scope="module")
def bilinear(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Rules of every verdict on f = xy."""
    out = tmp_path_factory.mktemp("compare") / "bilinear"
    with rendering():
        return compare("bilinear", {"rule": RULES}, budget="turns", out=out, workers=1, settings={"turns": 120, **QUIET})


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Every rule there is on f = xy, in two processes. Contraction needs no score of every turn."""
    out = tmp_path_factory.mktemp("compare") / "bilinear"
    settings = {"turns": 500, "trace.every": 5, "score.every": 5, **QUIET}
    return compare("bilinear", {"rule": list(entries("rule"))}, budget="turns", out=out, workers=2, settings=settings)


@pytest.mark.thorough
def test_measured_contraction_is_the_theory_to_four_digits(every) -> None:  # type: ignore[no-untyped-def]
    compared = 0
    for summary in every.summaries:
        measured = summary.spread("contraction")
        if summary.theory is not None and measured is not None:
            assert measured[0] == pytest.approx(summary.theory.spectral_radius(), abs=5e-5), summary.variant
            compared += 1
    assert compared >= 16  # all but the two below
    unknown = {s.variant for s in every.summaries if s.theory is None}
    assert unknown == {"rule=adaptive-competitive-gradient-descent", "rule=follow-the-ridge"}


@pytest.mark.thorough
def test_what_becomes_of_every_rule_on_xy(every) -> None:  # type: ignore[no-untyped-def]
    found = {s.variant.partition("=")[2]: s.outcomes[0].verdict for s in every.summaries}
    assert found["simultaneous"] == Verdict.DIVERGED
    assert {rule for rule, verdict in found.items() if verdict == Verdict.CYCLING} == {"alternating", "runge-kutta"}
    assert found["follow-the-ridge"] == Verdict.UNDEFINED
    others = {rule for rule in found if rule not in ("simultaneous", "alternating", "runge-kutta", "follow-the-ridge")}
    assert all(found[rule] in (Verdict.CONVERGED, Verdict.CONVERGING) for rule in others)


def test_an_undefined_rule_says_why(bilinear) -> None:  # type: ignore[no-untyped-def]
    ridge = next(s for s in bilinear.summaries if s.variant == "rule=follow-the-ridge")
    assert ridge.outcomes[0].reason is not None and "no curvature of its own" in ridge.outcomes[0].reason
    assert ridge.spread("score") is None


def test_a_comparison_leaves_a_table_and_pictures(bilinear) -> None:  # type: ignore[no-untyped-def]
    assert {p.name for p in bilinear.pictures} == {"score.png", "spectra.png", "trajectories.png"}
    lines = (bilinear.folder / "comparison.csv").read_text().splitlines()
    assert len(lines) == 1 + len(bilinear.summaries)
    assert lines[0] == "variant,seed,verdict,status,score,ceiling,cost,contraction,theory,reason"


@pytest.mark.thorough
def test_every_rule_has_its_panel(every) -> None:  # type: ignore[no-untyped-def]
    """Of eigenvalues even where no linear map is known; and where a column ends early, its last panel has the numbers of its axis."""
    drawn = figures.spectra(every.summaries)
    assert drawn is not None
    panels = [axis for axis in drawn.axes if axis.axison]
    assert len(panels) == len(every.summaries)
    assert [axis.get_title().partition("\n")[0] for axis in panels if axis.texts] == ["adaptive-competitive-", "follow-the-ridge"]
    chart = figures.scores(every.summaries)
    assert chart is not None
    assert [axis.xaxis.get_tick_params()["labelbottom"] for axis in chart.axes] == [False] * 11 + [True] * 7
    assert chart.get_supylabel() == "distance to the solution (lower is better)"
    words = [text.get_text() for text in chart.legends[0].get_texts()]
    assert words == ["converged", "converging", "cycling", "diverged", "the others", "follow-the-ridge: undefined"]


def test_the_path_of_averages_is_drawn_where_the_averages_are(bilinear) -> None:  # type: ignore[no-untyped-def]
    """Grey are the players that are averaged; the coloured path is what the score judges, and stays within the frame."""
    drawn = figures.trajectories(bilinear.summaries)
    assert drawn is not None
    (panel,) = (axis for axis in drawn.axes if axis.get_title().strip() == "averaging")
    summary = next(s for s in bilinear.summaries if s.variant == "rule=averaging")
    live, averages = (line.get_xydata() for line in panel.lines[:2])
    assert np.hypot(*averages[-1]) == pytest.approx(summary.outcomes[0].score)
    assert np.abs(live).max() > panel.get_xlim()[1] > np.abs(averages).max()
    (spectrum,) = (axis for axis in figures.spectra(bilinear.summaries).axes if axis.get_title().startswith("consensus"))  # type: ignore
    assert spectrum.get_xlim()[0] > 0.5, "zoomed to the eigenvalues near 1"


def test_the_score_of_real_data_is_on_the_chart_if_it_is_in_the_legend() -> None:
    rows = [{"turn": n, "gradient_evaluations": n, "products": 0, "score": v} for n, v in enumerate((100.0, 10.0, 1.0))]
    run = TracedRun(Job("loss=hinge", 0, {"game": "ring"}), rows, "finished", None, Verdict.CONVERGING, 1.0, 0.01, 3, None)
    drawn = figures.scores([Summary("loss=hinge", [run], None)])
    assert drawn is not None
    assert drawn.axes[0].get_ylim()[0] < 0.01


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_score_of_0_is_on_the_axis(seeds: int) -> None:
    """A logarithmic one ends at 0 where a score is exactly 0; the range between seeds is in the legend."""

    def outcome(*values: float) -> TracedRun:
        rows = [{"turn": n, "gradient_evaluations": n, "products": 0, "score": v} for n, v in enumerate(values)]
        job = Job("regime=adapt", 0, {"game": "dann"})
        return TracedRun(job, rows, "finished", None, Verdict.CONVERGED, values[-1], None, 3, None)

    drawn = figures.scores([Summary("regime=adapt", [outcome(1.0, 0.02, 0.0)] * seeds, None)])
    assert drawn is not None
    axis = drawn.axes[0]
    assert axis.get_yscale() == "symlog" and axis.get_ylim()[0] <= 0
    words = [text.get_text() for text in axis.get_legend().get_texts()]
    assert words == ["adapt", "lowest to highest of 2 seeds"][:seeds]
    nothing_else = figures.scores([Summary("regime=adapt", [outcome(0.0, 0.0)], None)])
    assert nothing_else is not None and nothing_else.axes[0].get_yscale() == "linear"


ALL = {"loss": ["saturating", "wasserstein"], "penalty": ["none", "r1", "r2", "wgan-gp"], "instance_noise": ["0", "1"]}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "vary",
    [
        {"penalty": ["none", "r1", "wgan-gp"], "loss": ["saturating"]},
        {"instance_noise": ["1"], "loss": ["saturating", "wasserstein"], "penalty": ["none"]},
        pytest.param(ALL, marks=pytest.mark.slow),
    ],
    ids=["penalties", "noise", "all"],
)
def test_the_dirac_gan_converges_where_it_was_published_to(vary: dict[str, list[str]], tmp_path: Path) -> None:
    """Mescheder et al. 2018: instance noise and zero-centred penalties converge; the plain GAN, clipped WGAN and WGAN-GP do not."""
    bound = {"discriminator.bound": 1.0, "scheduler": "alternating", "turns": 2000}
    found = compare("dirac", vary, out=tmp_path / "dirac", workers=1, settings={**bound, **QUIET})
    for summary in found.summaries:
        regularised = "penalty=r" in summary.variant or ("instance_noise=1" in summary.variant and "loss=saturating" in summary.variant)
        expected = regularised and "wgan-gp" not in summary.variant
        assert (summary.outcomes[0].verdict == Verdict.CONVERGED) == expected, summary.variant


@pytest.mark.thorough
def test_a_comparison_as_populations_reads_the_same(tmp_path: Path) -> None:
    """And its runs have folders of their own, so that nothing is played twice."""
    vary = {"rule": ["simultaneous", "extragradient"]}
    settings = {"turns": 200, "dtype": "float64", **QUIET}
    one, other = (
        compare("bilinear", vary, seeds=2, out=tmp_path / backend, workers=1, backend=backend, settings=settings, budget="turns")
        for backend in ("in-place", "population")
    )
    for a, b in zip(one.summaries, other.summaries, strict=True):
        assert (a.variant, a.verdicts) == (b.variant, b.verdicts)
        for x, y in zip(a.outcomes, b.outcomes, strict=True):
            assert (x.status, x.cost) == (y.status, y.cost)
            assert x.score == pytest.approx(y.score, rel=1e-9)
    assert load(other.folder).backend == "population"
    before = {path: path.stat().st_mtime_ns for path in other.folder.glob("*/*/*")}
    ended: list[str] = []
    finish(load(other.folder), other.folder, 1, lambda job, status, turns: ended.append(status))
    assert len(ended) == 4 and {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.thorough
def test_combinations_that_differ_in_a_setting_that_does_not_exist_there_are_one_variant(tmp_path: Path) -> None:
    vary = {"rule": ["simultaneous", "consensus"], "rule.gamma": [0.5, 1.0]}
    found = compare("bilinear", vary, settings={"turns": 20, **QUIET}, out=tmp_path / "c", workers=1, backend="in-place")
    variants = ["rule=simultaneous", "rule=consensus, rule.gamma=0.5", "rule=consensus, rule.gamma=1.0"]
    assert [summary.variant for summary in found.summaries] == labels(found.summaries) == variants
    assert [summary.outcomes[0].job.settings["rule"].get("gamma") for summary in found.summaries] == [None, 0.5, 1.0]
    assert found.trials.vary == {"rule": "simultaneous,consensus", "rule.gamma": "0.5,1.0"}
    assert found.trials.active({"rule": "simultaneous", "rule.gamma": 0.7}) == {"rule": "simultaneous"}
    with pytest.raises(ArenaError, match=r"unknown setting 'rule\.gamma'"):
        compare("bilinear", {**vary, "rule": ["simultaneous", "alternating"]}, settings=QUIET, out=tmp_path / "none")


def test_a_comparison_over_seeds_alone(tmp_path: Path) -> None:
    """Nothing varies but the seeds: one variant, with mean and spread. One seed is refused, since it compares nothing."""
    found = compare("bilinear", seeds="0:3", settings={"turns": 40, **QUIET}, out=tmp_path / "c", workers=1)
    (summary,) = found.summaries
    assert (summary.variant, summary.varied, len(summary.outcomes)) == ("as it is", {}, 3)
    mean, spread = summary.spread("score")  # type: ignore[misc]
    scores = [run.score for run in summary.outcomes]
    assert (mean, spread) == pytest.approx((np.mean(scores), np.std(scores, ddof=1))) and spread > 0
    assert {path.parent.name for path in tmp_path.glob("c/as_it_is/seed-*/trace.jsonl")} == {"seed-0", "seed-1", "seed-2"}
    said = "nothing varies, and there is one seed. Fix: --seeds 3 or --vary rule=simultaneous,extragradient"
    for seeds in (None, 1, (7,)):
        with pytest.raises(ArenaError, match=said):
            compare("bilinear", seeds=seeds, out=tmp_path / "one", settings=QUIET)
    assert not (tmp_path / "one").exists()


def test_a_comparison_over_seeds_alone_on_the_command_line(quick_cli: Cli) -> None:
    done = quick_cli("compare", "bilinear", "--seeds", "2", "--turns", "20", "--trace.tensorboard", "false", "--workers", "1", "--out", "c")
    assert done.returncode == 0, done.stderr
    assert "bilinear: 1 variant × 2 seeds, into c" in done.stdout
    assert re.search(r"as it is +[\d.]+ ± [\d.]+ ", done.stdout)


def test_an_unfinished_run_is_in_no_mean(bilinear) -> None:  # type: ignore[no-untyped-def]
    whole = bilinear.summaries[0].outcomes[0]
    cut = TracedRun(whole.job, whole.rows[:3], "interrupted", None, Verdict.UNFINISHED, None, None, 6, None)
    summary = Summary("rule=sga", [whole, cut], None)
    assert summary.spread("score") is None and summary.spread("cost") is None
    assert "unfinished 1/2" in summary.verdicts


def test_an_unknown_backend_is_told_before_there_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match="unknown backend 'proceses': did you mean 'processes'"):
        compare("bilinear", {"rule": ["sga"]}, out=tmp_path / "c", backend="proceses", settings=QUIET)
    assert not (tmp_path / "c").exists()


def test_budgets_are_equal_in_gradient_evaluations(tmp_path: Path) -> None:
    vary = {"rule": ["simultaneous", "extragradient", "consensus", "unrolled(steps=3)"]}
    found = compare("bilinear", vary, out=tmp_path / "c", workers=1, settings={"turns": 120, **QUIET})
    assert [s.spread("cost")[0] for s in found.summaries] == pytest.approx([240] * 4, rel=0.04)  # type: ignore[index]
    assert [o.job.settings["turns"] for s in found.summaries for o in s.outcomes] == [120, 60, 30, 17]
    assert all(spent(o.rows[-1]) == o.cost for s in found.summaries for o in s.outcomes)


def test_rules_are_compared_with_both_players_moving_unless_told_otherwise() -> None:
    vary = {"rule": ["simultaneous", "consensus"]}
    assert {job.settings["scheduler"]["name"] for job in plan("ring", {"turns": 10}, [], vary)} == {"simultaneous"}
    assert {job.settings["scheduler"]["name"] for job in plan("ring", {"turns": 10}, ["--scheduler=alternating"], vary)} == {"alternating"}
    assert {job.settings["scheduler"]["name"] for job in plan("ring", {"turns": 10}, [], {"coupling": ["0", "1"]})} == {"alternating"}


def test_any_setting_varies_and_lists_keep_their_commas() -> None:
    vary = values_of(["generator.hidden=[8,8],[16]", "coupling=0:1:2"])
    jobs = plan("ring", {"turns": 10}, [], vary, "turns", "2:4")
    assert len(jobs) == 8 and {job.seed for job in jobs} == {2, 3}
    assert {tuple(job.settings["generator"]["hidden"]) for job in jobs} == {(8, 8), (16,)}
    assert len({job.folder for job in jobs}) == 8


@pytest.mark.parametrize(
    ("vary", "arguments", "message"),
    [
        (["rule=sga,lola"], ["--rule=sga"], "'rule' is given for all variants and varies as well. Fix: leave one of the two out"),
        (["rule"], [], "--vary rule is not SETTING=VALUES. Fix: --vary rule=simultaneous,extragradient or --vary coupling=0:1:8"),
        (["rule=a,b", "rule=c"], [], "--vary names 'rule' twice. Fix: give all its values at once, as in --vary rule=A,B"),
        (["rule=sga,lola,sga"], [], "--vary rule=sga,lola,sga names 'sga' twice. Fix: give each value once"),
        (["seed=0,1"], [], "the seed is no setting to vary. Fix: --seeds 3, which plays everything with the seeds 0, 1 and 2"),
        (["x.lr=1:3"], [], "--vary x.lr=1:3 has no number of values. Fix: --vary x.lr=1:3:8"),
        (["rule=extragradiant"], [], "unknown rule 'extragradiant': did you mean 'extragradient'?"),
        (["rule=unrolled(step=3)"], [], "unknown setting 'rule.step': did you mean 'rule.steps'?"),
        (["x.lrr=1,2"], [], "unknown setting 'x.lrr': did you mean 'x.lr'?"),
        (["rule=a,,b"], [], "the list 'a,,b' has an empty part; write it as in a,b,c"),
        (
            ["rule=unrolled(steps=3"],
            [],
            "the brackets of 'unrolled(steps=3' do not match, since a ')' is missing; write it as in unrolled(steps=3)",
        ),
        (["coupling=0,2"], [], "coupling is 2.0, but must be in [0, 1]"),
    ],
)
def test_bad_plans_get_one_sentence(vary: list[str], arguments: list[str], message: str) -> None:
    with pytest.raises(ArenaError) as error:
        plan("bilinear", {}, arguments, values_of(vary))
    assert str(error.value) == message


def test_a_comparison_never_overwrites(tmp_path: Path) -> None:
    with pytest.raises(FolderInTheWay, match="exists already, and a comparison never overwrites; choose another --out"):
        compare("bilinear", {"rule": ["simultaneous"]}, out=tmp_path, settings=QUIET)


def test_labels_name_the_setting_only_where_it_matters(bilinear) -> None:  # type: ignore[no-untyped-def]
    assert labels(bilinear.summaries)[0] == "adaptive-competitive-gradient-descent"


def test_contraction_is_not_misled_by_rotation_or_rounding() -> None:
    """A non-normal spiral, whose distance waves around its trend, and one that reaches the rounding of the numbers."""
    m = np.array([[1 - 0.09, -0.1], [0.1, 1.0]])
    z, far = np.array([1.0, 0.3]), []
    for _ in range(600):
        far.append(float(np.linalg.norm(z)))
        z = m @ z
    rho = np.abs(np.linalg.eigvals(m)).max()
    assert contraction(range(600), far) == pytest.approx(rho, abs=5e-5)
    assert contraction(range(600), [max(d, 1e-16) for d in far]) == pytest.approx(rho, abs=5e-4)
    assert contraction(range(3), [1.0, 0.5, 0.25]) is None


def test_a_damaged_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "comparison.yaml").write_text(yaml.safe_dump({"runs": [{"seed": 1}]}))
    with pytest.raises(ArenaError, match=r"is not the plan of a comparison \(KeyError: 'variant'\). Fix: restore it, or compare again"):
        load(tmp_path)
