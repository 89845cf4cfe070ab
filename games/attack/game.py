"""An attacker of images against their classifier: adversarial training as a game.

With images x in [0, 1], labels y, the classifier's logits f, the attacker's perturbations δ and the cross-entropy CE:

    L_classifier = (1 − λ) CE(f(x), y) + λ CE(f(x + δ), y)
    L_attacker   = −λ CE(f(x + δ), y)                                   with ‖δ‖ ≤ ε and 0 ≤ x + δ ≤ 1

At λ = 1 it is zero-sum, min over f of max over δ (A. Madry et al., arXiv:1706.06083); at λ = 0 the classifier trains on clean images;
between them lies the mixture of I. Goodfellow et al., arXiv:1412.6572, section 6.

A batch lives until the classifier has moved. So under the alternating scheduler `ratio` moves of the attacker to one of the classifier
are PGD training with so many steps, and 1:1 is FGSM training, with a random start that of E. Wong et al., arXiv:2001.03994; the
attacker's optimizer makes the steps (`sign`, or `normalized` in the L2 ball), and its learning rate is their length α.

Shapes: N = batch, C, H, W = channels, height, width, K = classes.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from arena import Game, PlayerSource, Rng, Slot, register
from arena.errors import check_choice, check_number
from arena.games.attack.robustness import Threat, attack, evaluating
from arena.games.data import images
from arena.players.ball import into_ball, into_range, uniform
from arena.players.base import Shape
from arena.players.perturbation import Perturbation
from arena.players.small_conv import SmallConv

SETS: dict[str, tuple[Shape, int]] = {"mnist": ((1, 28, 28), 60_000), "digits": ((1, 8, 8), 1500)}
"""Shape of an image, and how many there are to train on."""

CLASSES = 10

Batch = Mapping[str, Tensor]
"""`image` (N, C, H, W), `label` (N,) and, where the attacker is told of batches, `start` (N, C, H, W): points of the unit ball."""


@register("attack")
class Attack(Game):
    """An attacker who perturbs images against the classifier of them.

    The score is the classifier's error, 1 − accuracy, on the first `scored` test images under PGD with `steps` steps of ε/4 from one random
    start, whoever the attacker is; a classifier that guesses has 0.9. Beside it are measured its accuracy on those images as they are,
    and under FGSM.

    Args:
        classifier: from images to logits of ten classes.
        attacker: from images to their perturbations.
        data: mnist, or scikit-learn's digits, which need no download; mnist is the default where it is on this machine.
        batch: images in a batch; an epoch has each image of the training set once.
        epsilon: ε, radius of the ball of perturbations, at least 0; pixels are in [0, 1].
        norm: of the ball, linf or l2.
        regime: what the classifier trains on: adversarial (the losses above), or whatever λ is images as they are (natural), with noise, or
            with augmentation; the attacker attacks such a classifier as well, and has no influence on it.
        noise: standard deviation of the pixels' noise in the regime of that name, at least 0; pixels are clamped to [0, 1] after it.
        shift: most pixels by which augmentation moves an image along each axis, at least 0.
        rotation: most degrees by which augmentation turns an image, at least 0.
        scored: test images that a score attacks, at least 1.
        steps: of a score's attack, at least 1.

    Raises:
        BadSetting: for a number out of its range.
        UnknownName: for unknown data, norm or regime.
        SlotMismatch: for a player that does not fit.
    """

    zero_sum = True
    batch_until = "classifier"
    recipe: ClassVar[dict[str, Any]] = {
        "turns": 12_000,  # of alternating moves: on MNIST 10 epochs of 600 batches of 100
        "scheduler": "alternating",
        "attacker.optimizer": "sign",
        "attacker.lr": 0.375,
        "classifier.lr": 5e-3,
        "classifier.schedule": "cyclic",
        "classifier.schedule.peak": 0.4,
        "score.every": 1200,
        "picture.every": 3000,
        "checkpoint.every": 2400,
    }

    def __init__(
        self,
        classifier: PlayerSource = SmallConv,
        attacker: PlayerSource = Perturbation,
        data: Literal["mnist", "digits"] = images.first_there("mnist", "digits"),
        batch: int = 100,
        epsilon: float = 0.3,
        norm: Literal["linf", "l2"] = "linf",
        regime: Literal["adversarial", "natural", "noise", "augmentation"] = "adversarial",
        noise: float = 0.3,
        shift: float = 2.0,
        rotation: float = 15.0,
        scored: int = 512,
        steps: int = 10,
    ):
        check_choice("data", data, SETS)
        shape, count = SETS[data]
        check_number("batch", batch, least=1, most=count, whole=True)
        check_choice("norm", norm, ("linf", "l2"))
        check_choice("regime", regime, ("adversarial", "natural", "noise", "augmentation"))
        for name, value in (("epsilon", epsilon), ("noise", noise), ("shift", shift), ("rotation", rotation)):
            check_number(name, value, least=0)
        check_number("scored", scored, least=1, whole=True)
        check_number("steps", steps, least=1, whole=True)
        told = {"examples": batch, "epsilon": epsilon, "norm": norm}
        super().__init__(classifier=Slot(shape, (CLASSES,), classifier), attacker=Slot(shape, shape, attacker, told))
        self.data, self.batch, self.epsilon, self.norm, self.regime = data, batch, epsilon, norm, regime
        self.noise, self.shift, self.rotation, self.scored, self.steps = noise, shift, rotation, int(scored), int(steps)
        # In other regimes the classifier's loss is not the negative of the attacker's.
        vars(self)["zero_sum"] = regime == "adversarial"
        own = self.players["attacker"]
        self._starts = any(hasattr(module, "on_batch") for module in own.modules())
        self._held = bool(getattr(own, "bounded", False))

    def sample(self, rng: Rng) -> Batch:
        pixels = images.load(self.data, rng.device)
        index_N = rng.epoch(len(pixels["x_train"]), self.batch)
        image = _as_numbers(pixels["x_train"].index_select(0, index_N))
        if self.regime == "noise":
            image = (image + self.noise * torch.randn(image.shape, generator=rng.noise, device=rng.device)).clamp(0, 1)
        elif self.regime == "augmentation":
            image = self._augmented(image, rng.noise)
        batch = {"image": image, "label": pixels["y_train"].index_select(0, index_N).long()}
        if self._starts:
            batch["start"] = uniform(tuple(image.shape), self.norm, rng.noise)
        return batch

    def losses(self, batch: Batch, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        image, label = batch["image"], batch["label"]
        feels = coupling if self.regime == "adversarial" else 0.0
        losses: dict[str, Tensor] = {}
        # A weight of exactly 0 or 1 needs no second pass: λ = 1 is Madry's loss, λ = 0 that of clean images, to the last bit.
        if "classifier" in movers and _is(feels, 0.0):
            losses["classifier"] = self._cross_entropy(image, label)
            if "attacker" not in movers:
                return losses
        adversarial = self._cross_entropy(image + self.perturbation(image), label)
        if "classifier" in movers and not _is(feels, 0.0):
            mixed = adversarial if _is(feels, 1.0) else (1 - feels) * self._cross_entropy(image, label) + feels * adversarial
            losses["classifier"] = mixed
        if "attacker" in movers:
            losses["attacker"] = -adversarial if _is(coupling, 1.0) else -coupling * adversarial
        return losses

    def perturbation(self, image_NCHW: Tensor) -> Tensor:
        """The attacker's perturbations of images, held within the threat where the attacker does not do so itself."""
        delta = self.players["attacker"](image_NCHW)
        return delta if self._held else into_range(into_ball(delta, self.norm, self.epsilon), image_NCHW)

    def signals(self, batch: Batch) -> dict[str, Tensor]:
        """Accuracy on the batch: clean, and under the attacker's own perturbations.

        Where the second stays high while the score nears 1, the classifier has learnt to fool its attacker (catastrophic overfitting).
        """
        image, label = batch["image"], batch["label"]
        classifier = self.players["classifier"]
        return {
            "clean_accuracy": (classifier(image).argmax(1) == label).to(image.dtype).mean(),
            "adversarial_accuracy": (classifier(image + self.perturbation(image)).argmax(1) == label).to(image.dtype).mean(),
        }

    def score(self) -> Tensor:
        """Error under PGD on test images, from fixed random starts."""
        image, label = self.test_images(self.scored)
        rng = torch.Generator(device=image.device).manual_seed(0)
        begin = self.epsilon * uniform(tuple(image.shape), self.norm, rng).to(image)
        threat = Threat(self.epsilon, self.norm, self.steps)
        classifier = self.players["classifier"]
        with evaluating(classifier):
            _, right = attack(classifier, image, label, threat, begin)
        return 1 - right.to(image.dtype).mean()

    def metrics(self) -> dict[str, float | Tensor]:
        """Accuracy on the images of the score, as they are and under one step of length ε from them (FGSM); under PGD it is 1 − score."""
        image, label = self.test_images(self.scored)
        classifier = self.players["classifier"]
        with evaluating(classifier):
            right = classifier(image).argmax(1) == label
            _, still = attack(classifier, image, label, Threat.fgsm(self.epsilon, self.norm))
        return {"clean-accuracy": right.to(image.dtype).mean(), "fgsm-accuracy": still.to(image.dtype).mean()}

    def test_images(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        """The first images of the test set and their labels, in the classifier's place and precision; all where no count is given."""
        like = next(self.players["classifier"].parameters(), torch.empty(()))
        pixels = images.load(self.data, torch.empty(0).device)
        return _as_numbers(pixels["x_test"][:count]).to(like), pixels["y_test"][:count].long().to(like.device)

    def picture(self) -> Any:
        """Test images clean, perturbed by PGD, and their difference; beside them the accuracy over ε."""
        from arena.games.attack.picture import draw

        return draw(self)

    def _cross_entropy(self, image: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(self.players["classifier"](image), label)

    def _augmented(self, image: Tensor, rng: torch.Generator) -> Tensor:
        """Each image turned and moved by its own uniformly drawn angle and shift, black where it came from outside."""
        drawn_N3 = torch.rand(len(image), 3, generator=rng, device=rng.device) * 2 - 1
        angle_N = drawn_N3[:, 0] * (self.rotation * torch.pi / 180)
        cos, sin = angle_N.cos(), angle_N.sin()
        height, width = image.shape[2:]
        right, down = drawn_N3[:, 1] * (2 * self.shift / width), drawn_N3[:, 2] * (2 * self.shift / height)
        maps_N23 = torch.stack([torch.stack([cos, -sin, right], 1), torch.stack([sin, cos, down], 1)], 1).to(image)
        return grid_sample(image, affine_grid(maps_N23, list(image.shape), align_corners=False), align_corners=False).clamp(0, 1)


def _as_numbers(pixels_NHW: Tensor) -> Tensor:
    return pixels_NHW.unsqueeze(1).to(torch.get_default_dtype()).div_(255)


def _is(number: float | Tensor, value: float) -> bool:
    """Whether a weight is that very number for everybody; of a population whose members differ it is not."""
    return isinstance(number, (int, float)) and number == value
