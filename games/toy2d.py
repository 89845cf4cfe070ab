"""Generator against discriminator on points in the plane: one class, and one line of data for each distribution.

Shapes: N = batch, Z = latent, 2 = the plane.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from arena import Game, PlayerSource, Rng, Slot, register
from arena.errors import check_choice, check_number
from games.data import planar
from games.losses import GENERATOR_LOSSES, logistic_discriminator
from games.scores import against_real, real_ceiling
from players import MLP

SCORED = 2048
"""Points in each sample of a score."""


class Planar(Game):
    """A GAN in the plane: the generator maps noise to points, the discriminator gives a point's logit of being real.

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
        check_number("latent", latent, least=1, whole=True)
        check_number("noise", noise, least=0)
        check_number("batch", batch, least=1, whole=True)
        check_choice("loss", loss, GENERATOR_LOSSES)
        super().__init__(generator=Slot((latent,), (2,), generator), discriminator=Slot((2,), (1,), discriminator))
        self.latent, self.noise, self.batch, self.loss = latent, noise, batch, loss

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        """n points of the data."""
        return type(self).data(n, rng, noise=self.noise)

    def sample(self, rng: Rng) -> tuple[Tensor, Tensor]:
        return self.real(self.batch, rng), torch.randn(self.batch, self.latent, generator=rng.noise)

    def losses(self, batch: tuple[Tensor, Tensor], coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        real_N2, noise_NZ = batch
        fake_N1 = self.players["discriminator"](self.players["generator"](noise_NZ))
        losses = {}
        if "generator" in movers:
            losses["generator"] = GENERATOR_LOSSES[self.loss](fake_N1, coupling)
        if "discriminator" in movers:
            losses["discriminator"] = logistic_discriminator(self.players["discriminator"](real_N2), fake_N1, coupling)
        return losses

    def signals(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Mean probability of being real that the discriminator gives: D(x) to data, D(G(z)) to generated points; both ½ at the optimum."""
        real_N2, noise_NZ = batch
        discriminator = self.players["discriminator"]
        fake_N2 = self.players["generator"](noise_NZ)
        return {"D(x)": discriminator(real_N2).sigmoid().mean(), "D(G(z))": discriminator(fake_N2).sigmoid().mean()}

    def generate(self, n: int, repeat: int = 0) -> Tensor:
        """n generated points from the fixed noise of that number."""
        like = next(self.players["generator"].parameters(), torch.empty(()))
        rng = torch.Generator(device=torch.empty(0).device).manual_seed(repeat)
        return self.players["generator"](torch.randn(n, self.latent, generator=rng).to(like))

    def score(self) -> Tensor:
        """Sliced Wasserstein distance of 2,048 generated to 2,048 real points, averaged over four fixed pairs."""
        return against_real(lambda repeat: self.generate(SCORED, repeat), self.real, SCORED, repeats=4)

    def ceiling(self) -> float:
        return real_ceiling(self.real, SCORED)

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

    data = planar.ring


@register("grid")
class Grid(Planar):
    """A GAN on 25 Gaussians in a square grid."""

    data = planar.grid


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
    """A GAN on the dark squares of a board: sharp edges, no noise."""

    data = planar.checkerboard
