"""Generator against discriminator: what every GAN shares, whatever its data.

Shapes: N = batch, Z = latent, * = the shape of one example.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from arena import Game, PlayerSource, Rng, Slot
from arena.errors import check_choice, check_number
from games.data.judge import Judge
from games.losses import GENERATOR_LOSSES, logistic_discriminator
from games.metrics import Metric, Modes, Samples, metrics
from games.scores import against_real, real_ceiling, stream
from players.base import Shape, mixes_examples

DISTANCE = "sliced-wasserstein"
"""The metric that is the score of every GAN where none is chosen."""


class GAN(Game):
    """A generator maps noise to examples, a discriminator gives an example's logit of being real.

    A subclass says what the data are: `real(n, rng)`, and, if the score should use other data, `held_out(n, rng)`.

    Args:
        shape: of one example.
        generator: from latent noise to an example.
        discriminator: from an example to one logit.
        latent: size of the noise, standard normal.
        batch: examples drawn per turn.
        loss: the generator's loss; see `games.losses`.

    Raises:
        BadSetting: for a number out of its range.
        UnknownName: for an unknown loss.
        SlotMismatch: for a player that does not fit.
    """

    scored: ClassVar[int] = 1024
    """Examples in each sample of a score."""
    repeats: ClassVar[int] = 2
    """Independent pairs of samples that a score averages over."""
    collapsed_below: ClassVar[float] = 0.1
    """The `spread` below which a generator counts as collapsed: its examples vary by less than a tenth of what the data do."""

    def __init__(
        self,
        shape: Shape,
        generator: PlayerSource,
        discriminator: PlayerSource,
        latent: int,
        batch: int,
        loss: Literal["non-saturating", "saturating"],
    ):
        check_number("latent", latent, least=1, whole=True)
        check_number("batch", batch, least=1, whole=True)
        check_choice("loss", loss, GENERATOR_LOSSES)
        super().__init__(generator=Slot((latent,), shape, generator), discriminator=Slot(shape, (1,), discriminator))
        self.latent, self.batch, self.loss = latent, batch, loss
        self._apart = mixes_examples(self.players["discriminator"], shape)

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        """n examples of the data."""
        raise TypeError(f"{type(self).__name__} must say what its data are: def real(self, n, rng)")

    def held_out(self, n: int, rng: torch.Generator) -> Tensor:
        """n examples that the score compares with."""
        return self.real(n, rng)

    def sample(self, rng: Rng) -> tuple[Tensor, Tensor]:
        return self.real(self.batch, rng), torch.randn(self.batch, self.latent, generator=rng.noise)

    def losses(self, batch: tuple[Tensor, Tensor], coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        real, noise_NZ = batch
        discriminator = self.players["discriminator"]
        fake = self.players["generator"](noise_NZ)
        if "generator" not in movers and not self._apart:
            # One pass over both gives the same logits in half the kernels. With the generator moving it would cost more: its
            # gradient would run back through the real half as well.
            on_real_N1, on_fake_N1 = discriminator(torch.cat([real, fake])).chunk(2)
            return {"discriminator": logistic_discriminator(on_real_N1, on_fake_N1, coupling)}
        on_fake_N1 = discriminator(fake)
        losses = {}
        if "generator" in movers:
            losses["generator"] = GENERATOR_LOSSES[self.loss](on_fake_N1, coupling)
        if "discriminator" in movers:
            losses["discriminator"] = logistic_discriminator(discriminator(real), on_fake_N1, coupling)
        return losses

    def signals(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """D(x), D(G(z)) and spread.

        D(x) and D(G(z)) are the mean probability of being real that the discriminator gives to data and to generated examples; both are
        ½ at the optimum. spread = √(Σᵢ Var G(z)ᵢ) / √(Σᵢ Var xᵢ), the total standard deviation of the generated examples over that of
        the data, each over the batch and summed over the numbers i of an example; it is 1 at the optimum and near 0 where the generator
        has collapsed to a point. (The smallest normal number is added under both roots, so that a batch of one example gives 1.)
        """
        real, noise_NZ = batch
        discriminator = self.players["discriminator"]
        fake = self.players["generator"](noise_NZ)
        return {
            "D(x)": discriminator(real).sigmoid().mean(),
            "D(G(z))": discriminator(fake).sigmoid().mean(),
            "spread": _total_deviation(fake) / _total_deviation(real),
        }

    def collapsed(self, signals: Mapping[str, float]) -> bool:
        """Whether the generator has lost nearly all spread: `spread` is below `collapsed_below`."""
        return signals.get("game.spread", 1.0) < self.collapsed_below

    def generate(self, n: int, repeat: int = 0) -> Tensor:
        """n generated examples from the fixed noise of that number."""
        like = next(self.players["generator"].parameters(), torch.empty(()))
        rng = torch.Generator(device=torch.empty(0).device).manual_seed(repeat)
        return self.players["generator"](torch.randn(n, self.latent, generator=rng).to(like))

    def score(self) -> Tensor:
        """Sliced Wasserstein distance of generated to real examples, averaged over fixed pairs of samples; or the metric chosen instead."""
        if self.evaluation.metric in ("", DISTANCE):
            return against_real(lambda repeat: self.generate(self.scored, repeat), self.held_out, self.scored, self.repeats)
        return self._mean_score(self.generate)

    def ceiling(self) -> float | None:
        """The same of real examples: what sampling noise alone gives."""
        if self.evaluation.metric in ("", DISTANCE):
            return real_ceiling(self.held_out, self.scored)
        return float(self._mean_score(self._posing)) or None  # where real data are at the best value, there is nothing to compare with

    # Metrics ----------------------------------------------------------------------------------------------------------------

    def modes(self) -> Modes | None:
        """The Gaussians that the data are a mixture of, or None where they are no such thing."""
        return None

    def judge(self) -> Judge | None:
        """A classifier of the data, or None where they have no labels."""
        return None

    def compared(self, n: int, rng: torch.Generator) -> Tensor:
        """n held-out examples that metrics compare with, or all that there are."""
        return self.held_out(n, rng)

    def posing(self, n: int, rng: torch.Generator) -> Tensor:
        """n examples of the data that pose as generated ones where a ceiling is measured, or all that there are."""
        return self.real(n, rng)

    @property
    def scores(self) -> tuple[str, ...]:
        return tuple(name for name, metric in self._metrics().items() if metric.best is not None)

    def metrics(self) -> dict[str, float | Tensor]:
        """What `games.metrics` has for these data, of fixed generated and real examples, beside the score."""
        samples = self.samples(self.generate(self.scored), 0)
        return {name: metric.value(samples) for name, metric in self._metrics(beside=True).items()}

    def metric_ceilings(self) -> dict[str, float]:
        """The same of real examples that pose as generated ones, averaged over fixed pairs of samples."""
        metrics = {name: metric for name, metric in self._metrics(beside=True).items() if metric.compares}
        pairs = [self.samples(self._posing(self.scored, repeat), repeat) for repeat in range(2)]
        return {name: sum(float(metric.value(pair)) for pair in pairs) / len(pairs) for name, metric in metrics.items()}

    def _metrics(self, *, beside: bool = False) -> dict[str, Metric]:
        """The metrics that these data have; `beside` leaves out the distance where it is the score already."""
        known = {"nothing": True, "modes": self.modes() is not None, "judge": type(self).judge is not GAN.judge}
        skip = beside and not self.evaluation.metric
        return {name: metric for name, metric in metrics().items() if known[metric.needs] and not (skip and name == DISTANCE)}

    def samples(self, fake: Tensor, repeat: int) -> Samples:
        """Generated examples beside real ones, of the fixed sample of that number, for metrics to compare."""
        real = self.compared(self.scored, stream(2 * repeat + 1)).to(fake)
        return Samples(fake, real, self.evaluation, self.modes(), self.judge())

    def _posing(self, n: int, repeat: int) -> Tensor:
        return self.posing(n, stream(2 * repeat))

    def _mean_score(self, make: Callable[[int, int], Tensor]) -> Tensor:
        metric = metrics()[self.evaluation.metric]
        pairs = (self.samples(make(self.scored, repeat), repeat) for repeat in range(self.repeats))
        return torch.stack([metric.score(pair) for pair in pairs]).mean()


def _total_deviation(examples: Tensor) -> Tensor:
    """√(Σᵢ Var xᵢ) over the batch, of examples of any shape."""
    return (examples.flatten(1).var(0, correction=0).sum() + torch.finfo(examples.dtype).tiny).sqrt()
