"""GANs on points in the plane: one class, and a few lines for each distribution.

Shapes: N = batch, 2 = the plane.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from arena import PlayerSource, register
from arena.errors import check_number
from games.data import planar
from games.gan import GAN
from games.metrics import Modes
from players import MLP


class Planar(GAN):
    """A GAN in the plane.

    Args:
        generator: from latent noise to points.
        discriminator: from points to one logit.
        latent: size of the noise, standard normal.
        noise: standard deviation of the data's own noise; each distribution has its own meaning and default.
        batch: points drawn per turn.
        loss: the generator's loss; see `games.losses`.

    Raises:
        BadSetting: for a number out of its range.
        UnknownName: for an unknown loss.
        SlotMismatch: for a player that does not fit.
    """

    data: ClassVar[Callable[..., Tensor]]
    centres: ClassVar[Callable[[], Tensor] | None] = None
    """The means of the data's Gaussians, where they are a mixture of some."""
    scored = 2048
    repeats = 4
    recipe: ClassVar[dict[str, Any]] = {
        "turns": 12_000,
        "scheduler": "alternating",
        "generator.lr": 1e-3,
        "generator.betas": (0.5, 0.9),
        "generator.schedule": "linear",
        "discriminator.lr": 1e-3,
        "discriminator.betas": (0.5, 0.9),
        "discriminator.schedule": "linear",
        "score.every": 500,
        "picture.every": 2000,
        "checkpoint.every": 2000,
    }

    def __init__(
        self,
        generator: PlayerSource = MLP,
        discriminator: PlayerSource = MLP,
        latent: int = 2,
        noise: float = 0.1,
        batch: int = 256,
        loss: Literal["non-saturating", "saturating"] = "non-saturating",
    ):
        check_number("noise", noise, least=0)
        super().__init__((2,), generator, discriminator, latent, batch, loss)
        self.noise = noise

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return type(self).data(n, rng, noise=self.noise)

    def modes(self) -> Modes | None:
        if self.centres is None:
            return None
        return Modes(type(self).centres(), self.noise)  # type: ignore[misc]

    def picture(self) -> Any:
        """Generated points over real ones, on the discriminator's surface."""
        from arena.plots import plane

        rng = torch.Generator(device=torch.empty(0).device).manual_seed(0)
        like = next(self.players["discriminator"].parameters(), torch.empty(()))
        real, fake = self.real(2000, rng), self.generate(2000)
        return plane(real, fake, lambda points: self.players["discriminator"](points.to(like)).sigmoid()[:, 0])


@register("swiss-roll")
class SwissRoll(Planar):
    """A GAN on two turns of a spiral."""

    data = planar.swiss_roll

    def __init__(
        self,
        generator: PlayerSource = MLP,
        discriminator: PlayerSource = MLP,
        latent: int = 2,
        noise: float = 0.25,
        batch: int = 256,
        loss: Literal["non-saturating", "saturating"] = "non-saturating",
    ):
        super().__init__(generator, discriminator, latent, noise, batch, loss)


@register("ring")
class Ring(Planar):
    """A GAN on eight Gaussians in a ring: the classic test of mode collapse."""

    data, centres = planar.ring, planar.ring_centres


@register("two-modes")
class TwoModes(Planar):
    """A GAN on two Gaussians, at (−1, 0) and (1, 0): the smallest test of mode collapse."""

    data, centres = planar.two_modes, planar.two_centres
    # Over the seeds 0, 1 and 2 this scores 1.6, 2.2 and 2.7 times what real data do; the other games' 1e-3 scores 2.7, 5.2 and 2.7.
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
    """A GAN on the dark squares of a board: sharp edges, and no noise unless it is asked for."""

    data = planar.checkerboard

    def __init__(
        self,
        generator: PlayerSource = MLP,
        discriminator: PlayerSource = MLP,
        latent: int = 2,
        noise: float = 0.0,
        batch: int = 256,
        loss: Literal["non-saturating", "saturating"] = "non-saturating",
    ):
        super().__init__(generator, discriminator, latent, noise, batch, loss)
