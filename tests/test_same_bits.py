"""Results of a few short runs in float64, on any machine.

`benchmarks/same_bits.py` compares bits, which needs an earlier revision and one processor. These values have a tolerance, and detect a
changed update, loss, batch or random stream everywhere.
"""

from typing import Any, NamedTuple

import pytest

import arena


class Row(NamedTuple):
    """A run and its results.

    Args:
        game: Id of the game.
        settings: Settings by dotted name.
        score: Score after all turns.
        losses: Losses of both players at the beginning of the last turn, player 1 first.
    """

    game: str
    settings: dict[str, Any]
    score: float
    losses: tuple[float, float]


GAN = {"generator.hidden": (16, 16), "discriminator.hidden": (16, 16), "batch": 32}
DANN = {"extractor.hidden": (16, 16), "domain.hidden": (16,), "batch": 32}
ROWS = [
    Row("bilinear", {"rule": "simultaneous"}, 1.84224, (1.51497, -1.51497)),
    Row("bilinear", {"rule": "extragradient"}, 1.50981, (1.01835, -1.01835)),
    Row("swiss-roll", {**GAN, "rule": "simultaneous", "scheduler": "alternating"}, 0.714356, (0.779017, 1.36587)),
    Row("swiss-roll", {**GAN, "rule": "extragradient"}, 0.714256, (0.764285, 1.36261)),
    Row("swiss-roll", {**GAN, "rule": "optimistic", "loss": "hinge", "penalty": "r1"}, 0.715294, (0.199783, 2.00822)),
    Row("dann", {**DANN, "rule": "simultaneous"}, 0.236, (-0.146937, 0.690486)),
    Row("dann", {**DANN, "rule": "extragradient", "jointly": False}, 0.242, (-0.148729, 0.690294)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.game} {row.settings['rule']}")
def test_a_run_ends_with_the_recorded_values(row: Row) -> None:
    config = arena.configure(row.game, {"turns": 20, "seed": 5, "dtype": "float64", "device": "cpu", "threads": 1, **row.settings})
    single, members = config.build(), arena.Population([config.vary({"seed": 6}), config])
    single.reset(seed=5)
    members.reset()
    for _ in range(20):
        single.play_scheduled_turn()
        members.play_scheduled_turn()
    signals, together = single.read_signals(), members.read_signals()
    names = [f"{role}.loss" for role in single.game.roles]
    assert single.measure_score() == pytest.approx(row.score, rel=1e-3)
    assert [signals[name] for name in names] == pytest.approx(row.losses, rel=1e-3)
    assert members.measure_scores()[1] == pytest.approx(row.score, rel=1e-3)
    assert [together[name][1] for name in names] == pytest.approx(row.losses, rel=1e-3)
