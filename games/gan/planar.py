"""GANs on points in the plane: one base class, and a few lines for each distribution.

Shapes: N = batch, 2 = the plane.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from arena.core.game import for_roles
from arena.errors import check_number
from arena.games.data import planar
from arena.games.gan.base import GAN
from arena.games.gan.metrics import Modes
from arena.players.base import precision_of
from arena.registry.entries import register


class Planar(GAN):
    """A GAN in the plane.

    Args:
        noise: Standard deviation of the data's noise, at least 0; its meaning and default depend on the distribution.
        settings: Settings of every GAN; see `arena.games.gan.base`.

    Raises:
        BadSetting: A number is out of its range.
        UnknownName: Unknown loss.
        SlotMismatch: A player does not fit its role.
    """

    data: ClassVar[Callable[..., Tensor]]
    centres: ClassVar[Callable[..., Tensor] | None] = None
    """The means of the data's Gaussians, if they are a mixture of Gaussians."""
    scored = 2048
    repeats = 4
    recipe: ClassVar[dict[str, Any]] = {
        "turns": 12_000,
        "scheduler": "alternating",
        **for_roles("generator", "discriminator", lr=1e-3, betas=(0.5, 0.9), schedule="linear"),
        "score.every": 500,
        "picture.every": 2000,
        "checkpoint.every": 2000,
    }

    sweep: ClassVar[dict[str, Any]] = {"turns": 2000}

    def __init__(self, *, noise: float = 0.1, **settings: Any):
        check_number("noise", noise, least=0)
        super().__init__(shape=(2,), **settings)
        self.noise = noise

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return type(self).data(n, rng, noise=self.noise, dtype=precision_of(self))

    def modes(self) -> Modes | None:
        centres = type(self).centres
        return None if centres is None else Modes(centres(dtype=precision_of(self)), self.noise)

    def picture(self) -> Any:
        """Generated points over real ones, on the discriminator's surface."""
        return on_surface(self)


def on_surface(game: GAN) -> Any:
    """Return the picture of a GAN of points in the plane: generated points over real ones, on the discriminator's surface."""
    from arena.plots.plane import plane

    rng = torch.Generator(device=torch.empty(0).device).manual_seed(0)
    like = next(game.players["discriminator"].parameters(), torch.empty(()))
    real, fake = game.real(2000, rng), game.generate(2000)
    alike = lambda points: game.packs(points.to(like).repeat_interleave(game.pack, 0))  # noqa: E731
    return plane(real, fake, lambda points: game.players["discriminator"](alike(points)).sigmoid()[:, 0], game.fixed)


@register("swiss-roll")
class SwissRoll(Planar):
    """A GAN on two turns of a spiral."""

    data = planar.swiss_roll

    def __init__(self, *, noise: float = 0.25, **settings: Any):
        super().__init__(noise=noise, **settings)


@register("ring")
class Ring(Planar):
    """A GAN on eight Gaussians in a ring: the classic test of mode collapse."""

    data, centres = planar.ring, planar.ring_centres


@register("two-modes")
class TwoModes(Planar):
    """A GAN on two Gaussians, at (−1, 0) and (1, 0): the smallest test of mode collapse."""

    data, centres = planar.two_modes, planar.two_centres
    # Over the seeds 0, 1 and 2 this scores 1.6, 2.2 and 2.7 times the score of real data; the other games' 1e-3 gives 2.7, 5.2 and 2.7.
    recipe = {**Planar.recipe, "generator.lr": 3e-4, "discriminator.lr": 3e-4}


@register("grid")
class Grid(Planar):
    """A GAN on 25 Gaussians in a square grid."""

    data, centres = planar.grid, planar.grid_centres


@register("two-moons")
class TwoMoons(Planar):
    """A GAN on two interleaved half circles."""

    data = planar.two_moons


@register("pinwheel")
class Pinwheel(Planar):
    """A GAN on five bent arms."""

    data = planar.pinwheel


@register("checkerboard")
class Checkerboard(Planar):
    """A GAN on the dark squares of a board: sharp edges, and no noise by default."""

    data = planar.checkerboard

    def __init__(self, *, noise: float = 0.0, **settings: Any):
        super().__init__(noise=noise, **settings)
