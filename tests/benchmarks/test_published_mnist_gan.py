"""The published MNIST GAN's command in its quick form, and its table and picture on hand-made outcomes."""

from pathlib import Path

import pytest
import torch

from benchmarks.published.mnist_gan import Outcome, Plan, digits, main, picture, real_digits, table


def outcome(beta: float, seed: int, real: list[float], fake: list[float], covered: int, variation: float) -> Outcome:
    by_epoch = {"D(x)": real, "D(G(z))": fake, "spread": [1.0] * len(real)}
    return Outcome(beta, seed, "finished", by_epoch, covered, variation, torch.rand(64, 1, 8, 8))


HAND = [
    outcome(0.5, 0, [0.9, 0.7, 0.6, 0.5], [0.1, 0.3, 0.4, 0.50], 10, 0.1),
    outcome(0.5, 1, [0.9, 0.7, 0.6, 0.6], [0.1, 0.3, 0.4, 0.44], 9, 0.3),
    outcome(0.9, 0, [0.9, 1.0, 1.0, 1.0], [0.1, 0.0, 0.0, 0.00], 3, 0.6),
]


def test_the_table_of_hand_made_outcomes() -> None:
    found = table(HAND, Plan(epochs=4)).splitlines()
    assert found[2] == (
        "| 0.5 | 0.55 ± 0.07 (0.50 – 0.60) | → ½ | 0.47 ± 0.04 (0.44 – 0.50) | → ½ | 9.5 ± 0.7 (9 – 10) | 0.20 ± 0.14 (0.10 – 0.30) "
        "| 1.00 ± 0.00 (1.00 – 1.00) |"
    )
    assert found[3].startswith(
        "| 0.9 | 1.00 (1.00 – 1.00) | stays away | 0.00 (0.00 – 0.00) | stays away | 3 (3 – 3) | 0.60 (0.60 – 0.60) |"
    )
    assert found[5] == "| β1 | mean over seeds | epoch 1 | epoch 2 | epoch 4 |"
    assert found[8] == "| 0.5 | D(G(z)) | 0.10 | 0.30 | 0.47 |"


def test_the_judge_counts_real_digits() -> None:
    real = real_digits("digits")
    assert float(real.sum()) == pytest.approx(1) and int((real >= 0.01).sum()) == 10
    nothing = digits("digits", torch.zeros(5, 1, 8, 8))
    assert float(nothing.max()) == 1


@pytest.mark.rendered
def test_the_picture_has_a_row_for_each_beta(tmp_path: Path) -> None:
    picture(HAND, tmp_path / "both.png")
    assert (tmp_path / "both.png").stat().st_size > 10_000


@pytest.mark.thorough
def test_the_quick_command_prints_the_table_and_resumes_its_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--quick", "--seeds", "0", "--out", str(tmp_path / "runs")]
    main([*words, "--picture", str(tmp_path / "both.png")])
    first = capsys.readouterr().out
    assert "| 0.5 |" in first and "| 0.9 |" in first and "10 rounds of batch 100" in first
    assert "finished" in first and (tmp_path / "both.png").is_file()
    main(words)  # the runs exist: nothing is played again, and the output is the same
    assert capsys.readouterr().out == first
