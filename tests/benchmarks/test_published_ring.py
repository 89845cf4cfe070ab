"""The published ring's command: its quick form prints the whole table, and its statistics are right on hand-made values."""

import json
from pathlib import Path

import numpy as np
import pytest

from arena.config import configure
from benchmarks.published import ring


def test_the_set_up_is_the_published_one() -> None:
    config = configure("ring", {**ring.SETTINGS, "turns": 2})
    game = config.build().game
    assert {role: sum(p.numel() for p in game.players[role].parameters()) for role in game.roles} == {
        "generator": 18_946,
        "discriminator": 17_025,
    }
    flat = config.flat()
    for role in game.roles:
        assert (flat[f"{role}.optimizer"], flat[f"{role}.lr"], tuple(flat[f"{role}.betas"])) == ("adam", 2e-4, (0.5, 0.999))
        assert flat[f"{role}.schedule.name"] == "constant"
    assert (flat["batch"], flat["latent"], flat["noise"], flat["scheduler.name"]) == (256, 16, 0.1, "alternating")


@pytest.mark.rendered
def test_its_quick_form_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring.main(["--quick", "--variants", "vanilla", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("| vanilla |")]
    assert len(rows) == 3
    assert "7.60 ± 0.89" in rows[0]
    assert "84.9 % ± 1.2 %" in rows[1]
    assert "0.226 ± 0.072" in rows[2]
    assert "4 seeds" in printed
    assert (tmp_path / "published-ring.png").stat().st_size > 10_000
    kept = json.loads((tmp_path / "ring.json").read_text())
    assert len(kept["vanilla"]["numbers"]["mode-variation"]) == 4
    assert kept["vanilla"]["ceilings"]["high-quality"] == pytest.approx(0.989, abs=0.003)
    ring.main(["--report", "--out", str(tmp_path)])
    assert capsys.readouterr().out == printed


def test_quick_values_never_replace_real_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ring.main(["--quick"])
    assert "--quick needs --out FOLDER" in capsys.readouterr().err


def test_means_of_five() -> None:
    """Half of the seeds at 0, half at 1: a mean of five is hypergeometric, because no seed is drawn twice."""
    means = ring.five_seed_means([0.0] * 16 + [1.0] * 16, np.random.default_rng(0))
    values, counts = np.unique(means.round(6), return_counts=True)
    from scipy.stats import hypergeom

    assert values == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert counts / len(means) == pytest.approx(hypergeom(32, 16, 5).pmf(range(6)), abs=0.01)
    assert np.unique(ring.five_seed_means([1.0, 2.0, 3.0, 4.0, 5.0], np.random.default_rng(0))) == pytest.approx([3.0])
