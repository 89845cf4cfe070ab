"""Buffers of the game itself in a population: a table of data that all members share, and tables that differ."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena import Game, Population, configure
from arena.engine.measuring import metric_ceilings
from benchmarks.equality import difference

OF_EACH = {"dtype": "float64", "scheduler": "alternating"}


class Table(Game):
    """Two players of rows that `sample` draws from a buffer; with `random`, the seed decides the rows."""

    def __init__(self, scale: float = 1.0, random: bool = False):
        super().__init__(fit=nn.Linear(3, 1), other=nn.Linear(3, 1))
        rows = torch.randn(500, 3) if random else torch.arange(1500.0).sin().view(500, 3)
        self.register_buffer("rows", scale * rows)
        self.register_buffer("seen", torch.zeros(3))

    def sample(self, rng):  # type: ignore[no-untyped-def]
        return self.rows[torch.randint(len(self.rows), (8,), generator=rng)]

    def losses(self, x_ND, coupling, movers):  # type: ignore[no-untyped-def]
        fit, other = (player(x_ND) for player in self.players.values())
        return {"fit": (fit - 1).square().mean() + coupling * (fit * other).mean(), "other": (other - fit).square().mean()}

    def score(self) -> Tensor:
        return self.players["fit"](self.rows).var()

    def metrics(self) -> dict[str, Tensor]:
        return {"spread": self.players["fit"](self.rows).std()}

    def metric_ceilings(self) -> dict[str, float]:
        return {"spread": float(self.rows.std())}


class Counting(Table):
    """Its losses change a buffer."""

    def losses(self, x_ND, coupling, movers):  # type: ignore[no-untyped-def]
        self.seen += x_ND.detach().mean(0)
        return super().losses(x_ND, coupling, movers)


@pytest.mark.parametrize(
    ("game", "members", "stacked"),
    [
        (Table, [{}, {}, {"fit.lr": 3e-3}], ()),
        (Table, [{"random": True}] * 3, ("rows",)),
        (Table, [{"seed": 0, "scale": 1.0}, {"seed": 0, "scale": 2.0}], ("rows",)),
        (Table, [{"seed": 0, "random": True}, {"seed": 0, "random": True, "fit.lr": 3e-3}], ("rows",)),
        (Counting, [{}, {}], ("seen",)),
    ],
    ids=["one table", "a table of each seed", "a table of each setting", "one seed and its table", "a buffer that the losses change"],
)
def test_members_sample_from_their_own_buffers(game: type[Game], members: list[dict[str, Any]], stacked: tuple[str, ...]) -> None:
    """Members equal single runs, and only buffers that may differ have a member axis."""
    base = configure(game, {"turns": 20, **OF_EACH})
    assert Population([base.vary({"seed": seed, **own}) for seed, own in enumerate(members)]).members.buffers == stacked
    assert difference(game, OF_EACH, members, 6) < 1e-12


def test_a_member_that_begins_again_has_the_table_of_its_seed() -> None:
    base = configure(Table, {"turns": 20, "random": True, "seed": 3, **OF_EACH})
    playing = Population([base, base])
    playing.reset(seed=[3, 3])
    playing.reset(seed=[3, 8], options={"reset_mask": torch.tensor([False, True]).numpy()})
    for member, seed in enumerate((3, 8)):
        alone = base.build()
        alone.reset(seed=seed)
        assert torch.equal(playing.game.get_buffer("rows")[member], alone.game.get_buffer("rows"))


def test_a_ceiling_is_that_of_each_members_table() -> None:
    base = configure(Table, {"turns": 20, **OF_EACH})
    one, double = metric_ceilings(Population([base, base.vary({"scale": 2.0})]).episode)
    assert double["spread"] == pytest.approx(2 * one["spread"])
