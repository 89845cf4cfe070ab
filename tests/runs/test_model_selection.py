"""Choosing a checkpoint without target labels: each criterion in closed form, and what it would have taken from a trace."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from arena import configure, play
from arena.commands import choose
from arena.errors import ArenaError, UnknownName
from arena.games.adaptation.criteria import Outputs, criteria
from arena.games.adaptation.criteria.deep_embedded_validation import controlled_risk
from arena.games.adaptation.domain_divergence import RIDGE, log_odds, proxy_a_distance
from arena.runs.model_selection import Criterion, choices, runs_in, side_by_side


def outputs(target_logits: Tensor, source_logits: Tensor | None = None, labels: Tensor | None = None) -> Outputs:
    source = torch.zeros(4, 2) if source_logits is None else source_logits
    return Outputs(
        torch.zeros(len(source), 1), source, torch.zeros(len(source)).long() if labels is None else labels,
        torch.zeros(4, 1), torch.zeros(len(target_logits), 1), target_logits,
    )  # fmt: skip


def sure(classes: list[int], k: int) -> Tensor:
    return 1000 * torch.nn.functional.one_hot(torch.tensor(classes), k).double()


LOG_ODDS_OF_8 = torch.tensor([0.8, 0.2], dtype=torch.float64).log().repeat(6, 1)
H_OF_8 = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
BOTH_WAYS = torch.cat([LOG_ODDS_OF_8[:3], LOG_ODDS_OF_8[:3].flip(1)])
SPLIT = 1 / (2 + 3 * math.exp(-20))  # three sure of one class and three of the other: two neighbours at e^20, three at e^0
SPLIT_ENTROPY = -2 * SPLIT * math.log(SPLIT) - 3 * SPLIT * math.exp(-20) * (math.log(SPLIT) - 20)

KNOWN: list[tuple[str, Tensor, float]] = [
    ("entropy", sure([0, 1, 2], 3), 0.0),
    ("entropy", torch.zeros(5, 3).double(), math.log(3)),
    ("entropy", BOTH_WAYS, H_OF_8),
    ("information-maximisation", sure([0, 1, 2], 3), math.log(3)),
    ("information-maximisation", sure([1, 1, 1], 3), 0.0),  # what deceives the entropy
    ("information-maximisation", BOTH_WAYS, math.log(2) - H_OF_8),
    ("soft-neighbourhood-density", sure([1] * 6, 3), math.log(5)),
    ("soft-neighbourhood-density", sure([0, 0, 0, 1, 1, 1], 3), SPLIT_ENTROPY),
]


@pytest.mark.parametrize(("name", "logits", "value"), KNOWN)
def test_criteria_in_closed_form(name: str, logits: Tensor, value: float) -> None:
    criterion = criteria()[name]
    found = float(criterion.value(outputs(logits)))
    assert found == pytest.approx(value, abs=1e-9)
    assert float(criterion.score(outputs(logits))) == pytest.approx(-found if criterion.higher_is_better else found)


def test_source_accuracy_looks_at_the_source_alone() -> None:
    seen = outputs(torch.full((3, 2), torch.nan), sure([0, 1, 1, 0], 2), torch.tensor([0, 1, 0, 0]))
    assert float(criteria()["source-accuracy"].value(seen)) == 0.75


def test_the_controlled_risk_by_hand() -> None:
    """w = (2, 0), ℓ = (1, 1): wℓ = (2, 0), Cov = Var = 1, so η = −1 and R = 1 − 1 + 1 = 1, the risk without any variance."""
    assert controlled_risk(torch.ones(2), torch.tensor([2.0, 0.0])).item() == pytest.approx(1.0)
    # w = (3, 1), ℓ = (1, 0): wℓ = (3, 0), means 1.5 and 2, Cov = 1.5, Var = 1, so η = −1.5 and R = 1.5 − 3 + 1.5 = 0
    assert controlled_risk(torch.tensor([1.0, 0.0]), torch.tensor([3.0, 1.0])).item() == pytest.approx(0.0)


def test_deep_embedded_validation_estimates_the_target_s_error_under_covariate_shift() -> None:
    """Source features N(0, 1), target N(1, 1), wrong where f > 1: Φ(−1) = 15.9 % of the source, and half of the target."""
    rng = torch.Generator().manual_seed(0)
    held_out, trained, target = (torch.randn(4000, 1, generator=rng).double() + shift for shift in (0, 0, 1))
    labels = torch.zeros(4000).long()
    logits = torch.cat([torch.ones_like(held_out), 2 * (held_out > 1)], 1)
    found = float(criteria()["deep-embedded-validation"].value(Outputs(held_out, logits, labels, trained, target, logits)))
    assert found == pytest.approx(0.5, abs=0.04)
    nothing_shifted = Outputs(held_out, logits, labels, trained, trained, logits)
    assert float(criteria()["deep-embedded-validation"].value(nothing_shifted)) == pytest.approx(0.159, abs=0.02)


# Telling domains apart ----------------------------------------------------------------------------------------------------------


def test_the_linear_classifier_is_at_the_minimum_of_its_loss() -> None:
    """The gradient in w and b, by autograd, is 0 where the fit ended: with more features than examples as well."""
    rng = torch.Generator().manual_seed(1)
    for features in (3, 40):
        source, target = (torch.randn(12, features, generator=rng).double() + shift for shift in (0, 0.5))
        both = torch.cat([source, target])
        z = (both - both.mean(0)) / both.std(0)
        origin, axes = both.mean(0, keepdim=True), both.mean(0) + torch.diag(both.std(0))
        b = log_odds(source, target, origin)
        w = (log_odds(source, target, axes) - b).requires_grad_()
        b.requires_grad_()
        sign = torch.cat([-torch.ones(12), torch.ones(12)]).double()
        loss = softplus(-sign * (z @ w + b)).mean() + RIDGE / 2 * w.square().sum()
        gradients = torch.autograd.grad(loss, [w, b])
        assert all(float(g.abs().max()) < 1e-3 for g in gradients)


def test_the_log_odds_of_two_gaussians() -> None:
    """Of N(0, 1) and N(1, 1) they are x − ½."""
    rng = torch.Generator().manual_seed(2)
    source, target = torch.randn(20_000, 1, generator=rng), torch.randn(20_000, 1, generator=rng) + 1
    found = log_odds(source, target, torch.tensor([[0.0], [0.5], [2.0]]), ridge=0.0)
    torch.testing.assert_close(found, torch.tensor([-0.5, 0.0, 1.5]), atol=0.06, rtol=0)


def test_the_proxy_a_distance_of_what_can_and_cannot_be_told_apart() -> None:
    rng = torch.Generator().manual_seed(3)
    here, there = (torch.randn(2000, 5, generator=rng) for _ in range(2))
    assert abs(float(proxy_a_distance(here, there))) < 0.15
    assert float(proxy_a_distance(here, there + 10)) == 2.0
    # N(0, I) and N(m, I) with |m| = 2: the best classifier errs in Φ(−1) = 15.9 %
    assert float(proxy_a_distance(here, there + 2 / math.sqrt(5))) == pytest.approx(2 * (1 - 2 * 0.1587), abs=0.1)


def test_criteria_can_be_mapped_over_members() -> None:
    rng = torch.Generator().manual_seed(4)
    logits, features = torch.randn(3, 20, 4, generator=rng).double(), torch.randn(3, 3, 20, 6, generator=rng).double()
    labels = torch.arange(20) % 4

    def of(logits_NK: Tensor, features_3NF: Tensor) -> dict[str, Tensor]:
        seen = Outputs(features_3NF[0], logits_NK, labels, features_3NF[1], features_3NF[2], logits_NK)
        distance = {"proxy": proxy_a_distance(features_3NF[1], features_3NF[2])}
        return {name: criterion.value(seen) for name, criterion in criteria().items()} | distance

    together = torch.vmap(of)(logits, features)
    for member in range(3):
        for name, value in of(logits[member], features[member]).items():
            torch.testing.assert_close(together[name][member], value)


# From a trace -------------------------------------------------------------------------------------------------------------------

CRITERIA = [Criterion("entropy", higher_is_better=False), Criterion("source", True), Criterion("truth", True, uses_oracle=True)]


def row(turn: int, entropy: float, source: float, truth: float | None) -> dict[str, float | int | None]:
    return {"turn": turn, "metrics.entropy": entropy, "metrics.source": source, "metrics.truth": truth}


def test_each_criterion_takes_its_best_turn() -> None:
    rows = [row(0, 0.9, 0.1, 0.1), row(10, 0.2, 0.8, 0.7), row(20, 0.3, 0.9, 0.9), row(30, 0.4, 0.9, 0.6), row(40, 0.1, 1.0, None)]
    found = choices(rows, CRITERIA)
    assert {name: (choice.turn, choice.truth) for name, choice in found.items()} == {
        "last": (30, 0.6),
        "entropy": (10, 0.7),
        "source": (20, 0.9),  # the earliest of equals; turn 40 cannot be judged
        "oracle": (20, 0.9),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = {"extractor.hidden": (8, 6), "domain.hidden": (8,), "batch": 16, "trace.tensorboard": False, "picture.every": 0}
    looks = {"turns": 30, "metrics.every": 10, "checkpoint.every": 10, "checkpoint.keep": 2}
    return play("dann", out=tmp_path_factory.mktemp("choose") / "dann", display=False, **small, **looks).folder


def test_a_run_is_judged_from_its_trace(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = side_by_side([run])
    names = [cells[0] for cells in found.rows]
    assert names == ["last", *criteria(), "oracle (uses labels)"]
    assert found.rows[0][1] == "30" and found.rows[0][4] == "yes"
    assert all(float(cells[2]) <= float(found.rows[-1][2]) for cells in found.rows)
    assert found.notes[0].startswith("4 measurements in a run")
    twice = side_by_side([run, run])
    assert twice.rows[0][1] == "30, 30" and twice.rows[0][2].endswith("± 0.0") and twice.rows[0][4] == "2 of 2"
    assert choose.main([str(run)]) == 0
    assert "oracle (uses labels)" in capsys.readouterr().out


@pytest.mark.thorough
def test_what_a_game_measures_is_what_criteria_say(run: Path) -> None:
    arena = configure("dann", {"extractor.hidden": (8, 6), "domain.hidden": (8,), "batch": 16}).build()
    game = arena.game
    with torch.no_grad():
        looks = game.criterion_outputs()  # type: ignore[operator]
    found = arena.measure_metrics()
    for name, criterion in criteria().items():
        assert found[name] == pytest.approx(float(criterion.value(looks)), abs=1e-6)
    assert found["target-accuracy"] == pytest.approx(1 - arena.measure_score(), abs=1e-6)
    assert {"proxy-a-distance", "target-cross-entropy", "calibration-error"} <= found.keys()


def test_a_criterion_may_be_the_score() -> None:
    arena = configure("dann", {"extractor.hidden": (8, 6), "domain.hidden": (8,), "batch": 16, "metric": "entropy"}).build()
    assert arena.measure_score() == pytest.approx(arena.measure_metrics()["entropy"])
    with pytest.raises(UnknownName, match="unknown metric 'entropie'"):
        configure("dann", {"metric": "entropie"})


def test_what_cannot_be_chosen_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match=r"is neither a run nor a comparison\. Expected a folder of `arena play`"):
        runs_in(tmp_path)
    (tmp_path / "config.yaml").write_text("game: bilinear\n")
    (tmp_path / "trace.jsonl").write_text("")
    with pytest.raises(ArenaError, match="is of the game 'bilinear', which has no criteria for a choice"):
        side_by_side(runs_in(tmp_path)[tmp_path.name])
    (tmp_path / "config.yaml").write_text("game: dann\n")
    with pytest.raises(ArenaError, match="has no metrics to choose by"):
        side_by_side([tmp_path])


def test_without_labels_the_choices_are_told_and_not_how_good_they_are(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("game: dann\n")
    looks = [(100, 0.9, 0.3), (200, 0.8, 0.2), (300, 0.85, 0.4)]
    rows = [
        {"kind": "turn", "turn": turn, "metrics.source-accuracy": accuracy, "metrics.entropy": entropy} for turn, accuracy, entropy in looks
    ]
    (tmp_path / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = side_by_side([tmp_path])
    assert [row[:4] for row in found.rows] == [
        ["last", "300", "–", "–"],
        ["entropy", "200", "–", "–"],
        ["source-accuracy", "100", "–", "–"],
    ]
    assert found.notes[-1].startswith("The data have no labels")


def test_a_comparison_is_sorted_into_variants(tmp_path: Path) -> None:
    for name in ("regime=adapt/seed-10", "regime=adapt/seed-2", "regime=source-only/seed-0"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "trace.jsonl").touch()
    found = {variant: [run.name for run in runs] for variant, runs in runs_in(tmp_path).items()}
    assert found == {"regime=adapt": ["seed-2", "seed-10"], "regime=source-only": ["seed-0"]}


def test_untrained_players_are_no_candidates() -> None:
    rows = [{"turn": turn, "metrics.entropy": turn / 10, "metrics.accuracy": 0.5 + turn / 100} for turn in range(0, 21, 2)]
    criteria = [Criterion("entropy", higher_is_better=False), Criterion("accuracy", uses_oracle=True)]
    assert choices(rows, criteria)["entropy"].turn == 0
    assert choices(rows, criteria, after=3)["entropy"].turn == 4
