"""Generator against discriminator: the base class of GANs on any data.

Settings common to all GANs are defined here; a subclass passes its `**settings` on.

Shapes: N = batch, Z = latent, M = examples in a pack, * = the shape of one example.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from arena.core.game import Clock, Game
from arena.core.rng import Rng
from arena.core.slot import PlayerSource, Slot
from arena.errors import BadSetting, check_choice, check_number
from arena.games.data.judge import Judge
from arena.games.gan.losses import LOSS_PAIRS, label_smoothing
from arena.games.gan.metrics import Metric, Modes, Samples, metrics
from arena.games.gan.penalties import PENALTIES
from arena.games.gan.scores import against_real, real_ceiling, stream
from arena.players import MLP
from arena.players.base import Shape, mixes_examples
from arena.registry.construct import construct_schedule

DISTANCE = "sliced-wasserstein"
"""The default score of a GAN."""


class GAN(Game):
    """A generator maps noise to examples; a discriminator gives an example's logit of being real.

    A subclass defines the data by `real(n, rng)` and, if the score uses other data, `held_out(n, rng)`.

    Args:
        shape: Shape of one example.
        generator: Maps latent noise to an example.
        discriminator: Maps an example, or a pack of examples along the first axis, to one logit.
        latent: Size of the standard normal noise.
        batch: Examples drawn per turn.
        loss: Losses of both players; see `arena.games.gan.losses`.
        penalty: Penalty on the discriminator's slope: r1 at the data, r2 at the fakes, 0-gp and wgan-gp between, dragan around the data;
            the first three penalise its distance from 0, the others from 1.
        gamma: γ, weight of the penalty, (γ/2)·E‖∇D‖² or (γ/2)·E(‖∇D‖ − 1)²; at least 0. (The 10 of WGAN-GP's paper is 20 here.)
        penalty_every: Lazy regularisation: the penalty counts in every k-th move of the discriminator, k times as heavy; at least 1.
        instance_noise: Standard deviation of normal noise on the discriminator's inputs; at least 0.
        instance_noise_schedule: Factor of the instance noise during a run: a schedule such as linear, or linear(start=1,end=0.1).
        label_smoothing: s in [0, 1): real examples have the label 1 − s, generated ones 0; for losses with labels.
        pack: Examples of one kind per input of the discriminator, a divisor of the batch (PacGAN, arXiv:1712.04086).

    Raises:
        BadSetting: A number is out of its range.
        UnknownName: Unknown loss, penalty or schedule.
        SlotMismatch: A player does not fit its role.
    """

    noise_level: Tensor
    penalty_now: Tensor
    scored: ClassVar[int] = 1024
    """Examples in each sample of a score."""
    score_is: ClassVar[str] = "sliced Wasserstein distance"
    repeats: ClassVar[int] = 2
    """Independent pairs of samples per score."""
    collapsed_below: ClassVar[float] = 0.1
    """The `spread` below which a generator counts as collapsed."""

    def __init__(
        self,
        shape: Shape,
        generator: PlayerSource = MLP,
        discriminator: PlayerSource = MLP,
        latent: int = 2,
        batch: int = 256,
        loss: Literal["non-saturating", "saturating", "wasserstein", "least-squares", "hinge", "relativistic"] = "non-saturating",
        penalty: Literal["none", "r1", "r2", "0-gp", "wgan-gp", "dragan"] = "none",
        gamma: float = 10.0,
        penalty_every: int = 1,
        instance_noise: float = 0.0,
        instance_noise_schedule: str = "constant",
        label_smoothing: float = 0.0,
        pack: int = 1,
    ):
        check_number("latent", latent, least=1, whole=True)
        check_number("batch", batch, least=1, whole=True)
        check_choice("loss", loss, LOSS_PAIRS)
        check_choice("penalty", penalty, ["none", *PENALTIES])
        check_number("gamma", gamma, least=0)
        check_number("penalty_every", penalty_every, least=1, whole=True)
        check_number("instance_noise", instance_noise, least=0)
        check_number("label_smoothing", label_smoothing, least=0, below=1)
        check_number("pack", pack, least=1, whole=True)
        if batch % pack:
            raise BadSetting("pack", pack, f"a divisor of the batch, {batch}")
        if label_smoothing and not LOSS_PAIRS[loss].labels:
            raise BadSetting("label_smoothing", label_smoothing, f"0 where the loss is {loss}, which has no labels")
        packed = (pack * shape[0], *shape[1:])
        super().__init__(generator=Slot((latent,), shape, generator), discriminator=Slot(packed, (1,), discriminator))
        self.latent, self.batch, self.loss = latent, batch, loss
        self.penalty, self.gamma, self.penalty_every = penalty, gamma, penalty_every
        self.instance_noise, self.label_smoothing, self.pack = instance_noise, label_smoothing, pack
        self._penalty = PENALTIES.get(penalty)
        self._noisy, self._lazy = instance_noise > 0, penalty != "none" and penalty_every > 1
        self._level = construct_schedule("instance_noise_schedule", instance_noise_schedule)
        if self._noisy:
            self.register_buffer("noise_level", torch.tensor(1.0), persistent=False)
        if self._lazy:
            self.register_buffer("penalty_now", torch.tensor(1.0), persistent=False)
        self._apart = mixes_examples(self.players["discriminator"], packed)

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw n examples of the data."""
        raise TypeError(f"{type(self).__name__} has no data. Fix: write def real(self, n, rng)")

    def held_out(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw n examples for the score to compare with."""
        return self.real(n, rng)

    def sample(self, rng: Rng) -> tuple[Tensor, ...]:
        """Draw real examples and latent noise; then, if needed, instance noise for real and generated examples, and the penalty's draw."""
        batch: tuple[Tensor, ...] = (self.real(self.batch, rng), torch.randn(self.batch, self.latent, generator=rng.noise))
        if self._noisy:
            batch += tuple(torch.randn(batch[0].shape, generator=rng.noise) for _ in range(2))
        if self._penalty is not None and self._penalty.draws:
            batch += (self._penalty.draw(batch[0], rng),)
        return batch

    def at_turn(self, clock: Clock) -> dict[str, float]:
        """The level of the instance noise, and the penalty's factor: k in every k-th move of the discriminator, else 0."""
        numbers = {}
        if self._noisy:
            numbers["noise_level"] = self._level(clock.progress)
        if self._lazy:
            due = "discriminator" in clock.movers and clock.moves["discriminator"] % self.penalty_every == 0
            numbers["penalty_now"] = float(self.penalty_every) if due else 0.0
        return numbers

    def losses(self, batch: tuple[Tensor, ...], coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        real, noise_NZ, *drawn = batch
        pair, discriminator = LOSS_PAIRS[self.loss], self.players["discriminator"]
        fake = self.players["generator"](noise_NZ)
        if self._noisy and "noise_level" not in self.idle:
            sigma = self.instance_noise * self.noise_level
            real, fake = real + sigma * drawn[0], fake + sigma * drawn[1]
        if self.pack > 1:
            real, fake = self.packs(real), self.packs(fake)
        on_real_N1: Any
        if "generator" not in movers and not self._apart:
            # One pass over both gives the same logits in half the kernels. If the generator moves it would cost more, because its
            # gradient would run back through the real half as well.
            on_real_N1, on_fake_N1 = discriminator(torch.cat([real, fake])).chunk(2)
            loss = pair.discriminator(on_real_N1, on_fake_N1, coupling)
            return {"discriminator": self._regularised(loss, on_real_N1, real, fake, drawn, coupling)}
        on_fake_N1 = discriminator(fake)
        on_real_N1 = discriminator(real) if "discriminator" in movers or pair.relativistic else None
        losses = {}
        if "generator" in movers:
            losses["generator"] = pair.generator(on_fake_N1, coupling, real=on_real_N1)
        if "discriminator" in movers:
            loss = pair.discriminator(on_real_N1, on_fake_N1, coupling)
            losses["discriminator"] = self._regularised(loss, on_real_N1, real, fake, drawn, coupling)
        return losses

    def _regularised(
        self, loss: Tensor, on_real_N1: Tensor, real: Tensor, fake: Tensor, drawn: list[Tensor], coupling: float | Tensor
    ) -> Tensor:
        """Add label smoothing and the penalty to the discriminator's loss."""
        if isinstance(self.label_smoothing, Tensor) or self.label_smoothing:
            loss = loss + label_smoothing(on_real_N1, self.label_smoothing)
        penalty = self._penalty
        if penalty is None or "penalty_now" in self.idle:
            return loss
        weight = self.gamma * self.penalty_now if self._lazy else self.gamma
        at = None
        if penalty.draws:
            at = drawn[-1][:: self.pack] if penalty.at == "between" else self.packs(drawn[-1])  # one weight for each pack
        size = penalty.value(self.players["discriminator"], penalty.points(real, fake, at))
        return loss + weight * (coupling * size if penalty.uses_fakes else size)

    def packs(self, examples: Tensor) -> Tensor:
        """Pack each M examples into one, along the first axis of an example: (N, C, …) becomes (N/M, MC, …).

        Raises BadSetting if M does not divide N.
        """
        if self.pack == 1:
            return examples
        if len(examples) % self.pack:
            raise BadSetting("pack", self.pack, f"a divisor of {len(examples)}, the examples that the discriminator is shown at once")
        return examples.unflatten(0, (-1, self.pack)).flatten(1, 2)

    def signals(self, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """D(x), D(G(z)) and spread.

        D(x) and D(G(z)) are the discriminator's mean probabilities that data and generated examples are real; both are
        ½ at the optimum. spread = √(Σᵢ Var G(z)ᵢ) / √(Σᵢ Var xᵢ), the total standard deviation of the generated examples over that of
        the data, each over the batch and summed over the numbers i of an example; it is 1 at the optimum and near 0 if the generator
        has collapsed to a point. (The smallest normal number is added under both roots, so that a batch of one example gives 1.)
        """
        real, noise_NZ, *_ = batch
        discriminator = self.players["discriminator"]
        fake = self.players["generator"](noise_NZ)
        return {
            "D(x)": discriminator(self.packs(real)).sigmoid().mean(),
            "D(G(z))": discriminator(self.packs(fake)).sigmoid().mean(),
            "spread": _total_deviation(fake) / _total_deviation(real),
        }

    def collapsed(self, signals: Mapping[str, float]) -> bool:
        """Return whether `spread` is below `collapsed_below`."""
        return signals.get("game.spread", 1.0) < self.collapsed_below

    def generate(self, n: int, repeat: int = 0) -> Tensor:
        """Generate n examples from fixed noise, one set for each number `repeat`."""
        like = next(self.players["generator"].parameters(), torch.empty(()))
        rng = torch.Generator(device=torch.empty(0).device).manual_seed(repeat)
        return self.players["generator"](torch.randn(n, self.latent, generator=rng).to(like))

    def in_units(self, examples: Tensor) -> Tensor:
        """Return generated examples in the units of the data, for `arena sample`."""
        return examples

    def score(self) -> Tensor:
        """Sliced Wasserstein distance of generated to real examples, averaged over fixed pairs of samples; or the chosen metric."""
        if self.evaluation.metric in ("", DISTANCE):
            return against_real(lambda repeat: self.generate(self.scored, repeat), self.held_out, self.scored, self.repeats)
        return self._mean_score(self.generate)

    def ceiling(self) -> float | None:
        """Score of real examples, which is sampling noise alone."""
        if self.evaluation.metric in ("", DISTANCE):
            return real_ceiling(self.held_out, self.scored)
        return float(self._mean_score(self._posing)) or None  # real data at the best value give no scale

    def criterion(self, score: float | Tensor) -> float | Tensor:
        """Return score · (1 + m/K) if m of K modes are missing, so that no setting is chosen that is sharp but drops modes.

        For data without modes it is the score.
        """
        if (modes := self.modes()) is None:
            return score
        left_out = metrics()["modes-covered"].score(self.samples(self.generate(self.scored), 0))
        return score * (1 + left_out / len(modes.centres))

    # Metrics ----------------------------------------------------------------------------------------------------------------

    def modes(self) -> Modes | None:
        """Return the Gaussians of the data, or None if the data are no mixture of Gaussians."""
        return None

    def judge(self) -> Judge | None:
        """Return a classifier of the data, or None if they have no labels."""
        return None

    @property
    def judged(self) -> bool:
        """Whether there is a judge; asked without training it."""
        return type(self).judge is not GAN.judge

    def compared(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw n held-out examples for metrics to compare with, or all."""
        return self.held_out(n, rng)

    def posing(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw n examples of the data in place of generated ones for a ceiling, or all."""
        return self.real(n, rng)

    @property
    def scores(self) -> tuple[str, ...]:
        return tuple(name for name, metric in self._metrics().items() if metric.best is not None)

    def metrics(self) -> dict[str, float | Tensor]:
        """The metrics of `arena.games.gan.metrics` that apply to these data, on fixed generated and real examples."""
        samples = self.samples(self.generate(self.scored), 0)
        return {name: metric.value(samples) for name, metric in self._metrics(beside=True).items()}

    def metric_ceilings(self) -> dict[str, float]:
        """Metrics of real examples in place of generated ones, averaged over fixed pairs of samples."""
        metrics = {name: metric for name, metric in self._metrics(beside=True).items() if metric.compares}
        pairs = [self.samples(self._posing(self.scored, repeat), repeat) for repeat in range(2)]
        return {name: sum(float(metric.value(pair)) for pair in pairs) / len(pairs) for name, metric in metrics.items()}

    def _metrics(self, *, beside: bool = False) -> dict[str, Metric]:
        """The metrics that apply to these data; `beside` leaves out the distance if it is the score."""
        known = {"nothing": True, "modes": self.modes() is not None, "judge": self.judged}
        skip = beside and not self.evaluation.metric
        return {name: metric for name, metric in metrics().items() if known[metric.needs] and not (skip and name == DISTANCE)}

    def samples(self, fake: Tensor, repeat: int) -> Samples:
        """Return generated examples with the real ones of a fixed sample, for metrics to compare."""
        like = next(self.players["generator"].parameters(), fake)  # real examples have the default precision, the judge this one
        real = self.compared(self.scored, stream(2 * repeat + 1)).to(like)
        return Samples(fake.to(like), real, self.evaluation, self.modes(), self.judge())

    def _posing(self, n: int, repeat: int) -> Tensor:
        return self.posing(n, stream(2 * repeat))

    def _mean_score(self, make: Callable[[int, int], Tensor]) -> Tensor:
        metric = metrics()[self.evaluation.metric]
        pairs = (self.samples(make(self.scored, repeat), repeat) for repeat in range(self.repeats))
        return torch.stack([metric.score(pair) for pair in pairs]).mean()


def _total_deviation(examples: Tensor) -> Tensor:
    """Return √(Σᵢ Var xᵢ) over the batch, for examples of any shape."""
    return (examples.flatten(1).var(0, correction=0).sum() + torch.finfo(examples.dtype).tiny).sqrt()
