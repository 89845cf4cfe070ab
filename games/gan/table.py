"""A GAN on the rows of a table: each column is standardised, x' = (x − mean) / deviation.

Shapes: N = batch, D = columns.
"""

from typing import Any

import torch
from torch import Tensor

from arena.data import Source, Takes
from arena.errors import BadSetting
from arena.games.data import tables
from arena.games.data.images import take
from arena.games.gan.base import GAN
from arena.games.gan.planar import Planar, on_surface
from arena.players.base import precision_of
from arena.registry.entries import register


@register("table")
class Table(GAN):
    """A GAN on the rows of a table of numbers: --data names a CSV, parquet, npy or npz file. Without it, the flowers of iris.

    Players and score see standardised columns; `arena sample` writes rows in the units of the table.

    Args:
        data: iris, or a table of your own; see docs/data.md. A column of labels is left out.
        latent: Size of the standard normal noise.
        batch: Rows drawn per turn, with replacement between batches.
        settings: Settings of every GAN; see `arena.games.gan.base`.

    Raises:
        BadSetting: A number is out of its range, or the batch exceeds the data.
        DataDamaged: The data hold images, or cannot be read.
    """

    takes = {"data": Takes("rows", tables.SOURCES)}
    recipe, sweep = Planar.recipe, Planar.sweep

    def __init__(self, *, data: str = "iris", latent: int = 8, batch: int = 64, **settings: Any):
        data = self.takes["data"].settled("data", data)
        rows = tables.load(data, torch.device("cpu"))["x_train"]
        name = data if data in tables.SOURCES else Source.of(data).path.name
        if batch > len(rows):
            raise BadSetting("batch", batch, f"at most {len(rows):,}, the rows that {name} has to train on")
        super().__init__(shape=tuple(rows.shape[1:]), latent=latent, batch=batch, **settings)
        self.data = data

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return self._take("x_train", n, rng)

    def held_out(self, n: int, rng: torch.Generator) -> Tensor:
        return self._take("x_test", n, rng)

    def compared(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct("x_test", n, rng)

    def posing(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct("x_train", n, rng)

    def _distinct(self, part: str, n: int, rng: torch.Generator) -> Tensor:
        """Draw n distinct rows, or all, because a repeated row would be its own nearest neighbour."""
        stored = tables.load(self.data, rng.device)
        return self._standardised(stored, part, torch.randperm(len(stored[part]), generator=rng, device=rng.device)[:n])

    def _take(self, part: str, n: int, rng: torch.Generator) -> Tensor:
        stored = tables.load(self.data, rng.device)
        index_N = torch.randint(len(stored[part]), (n,), generator=rng, device=rng.device)
        return self._standardised(stored, part, index_N)

    def _standardised(self, stored: dict[str, Tensor], part: str, index_N: Tensor) -> Tensor:
        return ((take(stored[part], index_N) - stored["mean"]) / stored["deviation"]).to(precision_of(self))

    def in_units(self, examples: Tensor) -> Tensor:
        """Return standardised rows in the units of the table."""
        stored = tables.load(self.data, examples.device)
        return examples.double() * stored["deviation"] + stored["mean"]

    def picture(self) -> Any:
        """Generated rows over real ones: on the discriminator's surface if there are two columns, else along two principal axes."""
        if tuple(self.slots["generator"].outputs) == (2,):
            return on_surface(self)
        from arena.plots.plane import clouds

        rng = torch.Generator(device=torch.empty(0).device).manual_seed(0)
        return clouds(self.real(2000, rng), self.generate(2000), self.fixed)
