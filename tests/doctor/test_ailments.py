"""Ailments on hand-made rows: each is found where it was planted, and nowhere else in healthy ones."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import arena
from arena.cli import main
from arena.config.configure import configure
from arena.doctor.diagnosis import diagnose, findings
from arena.errors import ArenaError
from arena.registry import entries
from tests.doctor.made_rows import (
    ATTACK,
    ATTACK_SETTINGS,
    DANN,
    DANN_SETTINGS,
    GAN,
    GAN_SETTINGS,
    REGRESSION,
    REGRESSION_SETTINGS,
    VECTOR_SETTINGS,
    VECTORS,
    falling,
    rows,
)

LOST = {"game.D(x)": 0.99, "game.D(G(z))": 0.01, "score": 1.0}
CHANCE = {"game.D(x)": 0.505, "game.D(G(z))": 0.495, "score": 0.8}

GANS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "discriminator-wins": (LOST, {}),
    "discriminator-weak": (CHANCE, {"discriminator.hidden": [2]}),
    "diverging": ({"score": lambda p: 1 + 20 * p, "generator.update_norm": lambda p: 0.02 + p}, {}),
    "momentum-too-high": (
        {"score": 0.8, "generator.update_cosine": 0.99, "discriminator.update_cosine": 0.99},
        {"generator.betas": [0.95, 0.99], "discriminator.betas": [0.95, 0.99]},
    ),
    "saturating-loss": ({**LOST, "generator.gradient_norm": falling(0.3, 1e-4)}, {"loss": "saturating"}),
    "penalty-too-strong": (CHANCE, {"penalty": "r1", "gamma": 1e4}),
    "penalty-too-weak": (LOST, {"penalty": "r1", "gamma": 1e-3}),
    "constant-instance-noise": (CHANCE, {"instance_noise": 2.0}),
    "rate-too-high": ({"score": 1.5, "generator.update_norm": 0.5}, {"generator.lr": 0.03}),
    "collapse-to-point": ({**CHANCE, "game.spread": 0.1}, {"scheduler.ratio": -8}),
    "few-modes": ({"score": 0.8, "metrics.modes-covered": 3.0, "metrics.high-quality": 0.7, "game.D(x)": 0.7, "game.D(G(z))": 0.3}, {}),
    "mode-hopping": (
        {**CHANCE, "metrics.modes-covered": 1.0, "metrics.heaviest-mode": lambda p: float(round(20 * p) % 8)},
        {"scheduler.ratio": -4},
    ),
    "unsettled": (
        {
            **CHANCE,
            **{f"{role}.gradient_norm": lambda p: 0.4 + 0.4 * p for role in ("generator", "discriminator")},
            **{f"{role}.update_cosine": 0.97 for role in ("generator", "discriminator")},
        },
        {},
    ),
    "rate-too-low": ({**LOST, "generator.update_norm": 2e-4}, {"generator.lr": 1e-5}),
}
ADAPTATIONS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "domain-classifier-weak": ({"game.domain_loss": 0.7, "score": 0.3, "metrics.proxy-a-distance": 1.2}, {"domain.lr": 1e-6}),
    "mixed-batch-norm": ({"score": 0.3, "metrics.statistics-shift": 1.0}, {}),
    "negative-transfer": ({"score": lambda p: 0.1 + 0.3 * max(p - 0.3, 0)}, {}),
    "early-coupling": ({"score": 0.4}, {"coupling.name": "constant", "coupling.value": 1.0}),
    "crosswise-alignment": ({"score": 0.9}, {}),
}
PLANTED: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    **{name: (rows({**GAN, **fields}), {**GAN_SETTINGS, **settings}) for name, (fields, settings) in GANS.items()},
    **{name: (rows({**DANN, **fields}), {**DANN_SETTINGS, **settings}) for name, (fields, settings) in ADAPTATIONS.items()},
    "overfit-discriminator": (rows({**GAN, "metrics.held-out-gap": 0.4, "game.D(x)": 0.9}), {**GAN_SETTINGS, "game": "digits"}),
    "ignored-critic": (
        rows({**REGRESSION, "game.D(x,y)": 0.99, "game.D(x,f(x))": 0.01, "coupling": 0.001, "score": 0.7}),
        {**REGRESSION_SETTINGS, "coupling.value": 0.001},
    ),
    "gradient-masking": (rows({**ATTACK, "metrics.fgsm-accuracy": 0.9, "score": 0.8}), ATTACK_SETTINGS),
    "aimless-rotation": (rows(VECTORS), VECTOR_SETTINGS),
    "too-short": (rows({**GAN, "score": lambda p: 1.2 - 0.5 * p}, turns=300, every=3), GAN_SETTINGS),
}
HEALTHY = {
    "a GAN": (rows(GAN), GAN_SETTINGS),
    "a GAN with a penalty": (rows(GAN), {**GAN_SETTINGS, "penalty": "r1"}),
    "a GAN with constant noise": (rows(GAN), {**GAN_SETTINGS, "instance_noise": 0.1}),
    "a GAN with much momentum": (rows(GAN), {**GAN_SETTINGS, "generator.betas": [0.9, 0.999]}),
    "an adaptation": (rows(DANN), DANN_SETTINGS),
    "an adaptation whose features are aligned at ln 2": (
        rows({**DANN, "game.domain_loss": 0.69, "metrics.proxy-a-distance": 0.1}),
        DANN_SETTINGS,
    ),
    "a regression": (rows(REGRESSION), REGRESSION_SETTINGS),
    "an attack": (rows(ATTACK), ATTACK_SETTINGS),
    "an attack by signed steps": (rows(ATTACK), {**ATTACK_SETTINGS, "attacker.optimizer": "sign", "attacker.lr": 0.375}),
    "a GAN whose players still move and whose score is good": (
        rows({**GAN, **{f"{role}.gradient_norm": lambda p: 0.4 + 0.4 * p for role in ("generator", "discriminator")}}),
        GAN_SETTINGS,
    ),
    "a spiral inwards": (
        rows({**VECTORS, "x.loss": lambda p: math.exp(-9 * p) * math.sin(60 * p), "score": lambda p: math.exp(-9 * p)}),
        VECTOR_SETTINGS,
    ),
}


def test_every_ailment_has_a_planted_case_and_a_source() -> None:
    known = entries("ailment")
    assert PLANTED.keys() == known.keys()
    assert [name for name, entry in known.items() if not entry.target().source] == []


@pytest.mark.parametrize("name", PLANTED)
def test_planted(name: str) -> None:
    found = findings(*PLANTED[name])
    assert name in [finding.ailment for finding in found[:2]]
    finding = next(finding for finding in found if finding.ailment == name)
    assert finding.evidence
    assert finding.cause
    assert set(finding.change) <= {"rule", "scheduler", "coupling", "coupling.value", *configure(PLANTED[name][1]["game"]).flat()}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy(name: str) -> None:
    assert findings(*HEALTHY[name]) == []


@pytest.mark.parametrize("name", PLANTED)
def test_without_a_configuration_nothing_breaks(name: str) -> None:
    findings(PLANTED[name][0], {})


def folder_of(made: list[dict[str, Any]], settings: Mapping[str, Any], folder: Path) -> Path:
    folder.mkdir()
    (folder / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(settings)))
    return folder


def test_a_damaged_trace_is_judged_as_far_as_it_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(*PLANTED["discriminator-wins"], tmp_path / "run")
    lines = (folder / "trace.jsonl").read_text().splitlines(keepends=True)
    (folder / "trace.jsonl").write_text("".join([*lines[:20], "{broken\n", *lines[21:]]))
    (folder / "config.yaml").write_text(": [")
    assert main(["diagnose", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "The trace is damaged: line 21 is not JSON" in told
    assert "only the trace is judged" in told
    assert "discriminator-wins" in told


@pytest.mark.parametrize("left", [0, 1, 7])
def test_few_rows_are_too_few_to_say(left: int, tmp_path: Path) -> None:
    made, settings = PLANTED["discriminator-wins"]
    assert [finding.ailment for finding in diagnose(folder_of(made[:left], settings, tmp_path / "run")).findings] == ["too-short"]


def test_a_folder_without_a_trace_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match=r"has no trace\.jsonl, which the doctor reads\. Fix: "):
        diagnose(tmp_path)


def test_the_end_of_a_run_names_the_gravest_finding_and_the_command_that_tries_the_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dirac", "--turns", "600", "--trace.every", "10", "--trace.tensorboard", "false", "--out", str(tmp_path / "run")]
    assert main(["play", *words]) == 0
    told = capsys.readouterr().out.splitlines()
    start = next(place for place, line in enumerate(told) if line.startswith("  doctor"))
    assert [line.split()[0] for line in told[start - 2 : start]] == ["report", "verdict"]
    assert "aimless-rotation" in told[start]
    prescribed = told[start + 2].split("arena play ")[1].split()
    assert told[start + 3].startswith("  score")
    assert main(["play", *prescribed, "--out", str(tmp_path / "cured")]) == 0
    assert arena.diagnose(tmp_path / "cured").findings == ()


def test_the_page_lists_every_ailment_with_its_source() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    missing = [name for name, entry in entries("ailment").items() if f"| {name} | {entry.summary} | {entry.target.source} |" not in page]
    assert missing == []


def test_the_trace_of_a_hundred_thousand_turns_takes_less_than_a_second() -> None:
    made = rows(GAN, turns=100_000, every=100)
    began = time.process_time()
    findings(made, GAN_SETTINGS)
    assert time.process_time() - began < 1
