"""Adversarial training as a game: an attacker perturbs images, a classifier learns to withstand it.

With images x in [0, 1], labels y, the classifier's logits f, the attacker's perturbations δ and the cross-entropy CE:

    L_classifier = (1 − λ) CE(f(x), y) + λ CE(f(x + δ), y)
    L_attacker   = −λ CE(f(x + δ), y)                                   with ‖δ‖ ≤ ε and 0 ≤ x + δ ≤ 1

λ = 1 is the zero-sum game min over f of max over δ (A. Madry et al., arXiv:1706.06083); λ = 0 trains the classifier on clean images; values
between them give the mixture of I. Goodfellow et al., arXiv:1412.6572, section 6.

A batch is kept until the classifier has moved. Under the alternating scheduler, k attacker moves per classifier move are therefore PGD-k
training, and 1:1 is FGSM training (with a random start, that of E. Wong et al., arXiv:2001.03994). The attacker's optimizer takes the steps
(`sign`, or `normalized` in the L2 ball), and its learning rate is the step size α.

Shapes: N = batch, C, H, W = channels, height, width, K = classes.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from arena.core.game import Game
from arena.core.rng import Rng
from arena.core.slot import PlayerSource, Slot
from arena.data import Takes
from arena.errors import BadSetting, check_choice, check_number
from arena.games.attack.robustness import Threat, attack
from arena.games.data import images
from arena.players.ball import into_ball, into_range, uniform
from arena.players.base import Shape, evaluating, precision_of
from arena.players.perturbation import Perturbation
from arena.players.small_conv import SmallConv
from arena.registry.entries import register

_GREY, _COLOUR = (1, 28, 28), (3, 32, 32)
SETS: dict[str, tuple[Shape, int]] = {
    "digits": ((1, 8, 8), 1500),
    **{name: (_GREY, images.COUNTS[name][0]) for name in ("mnist", "fashion-mnist")},
    **{name: (_COLOUR, images.COUNTS[name][0]) for name in ("cifar10", "cifar10-4k")},
}
"""Image shape and number of training images by data set."""

Batch = Mapping[str, Tensor]
"""`image` (N, C, H, W), `label` (N,) and, if the attacker has an `on_batch` hook, `start` (N, C, H, W): points of the unit ball."""


@register("attack")
class Attack(Game):
    """A classifier of images against an attacker that perturbs them.

    The score is the classifier's error on the first `scored` test images under PGD with `steps` steps of ε/4 from one random start,
    independently of the attacker; guessing one of K classes gives 1 − 1/K. The metrics are its accuracy on the same images, clean and
    under FGSM.

    Args:
        classifier: Maps images to logits of the K classes.
        attacker: Maps images to perturbations.
        data: mnist, fashion-mnist, cifar10, cifar10-4k, or scikit-learn's digits, which need no download; mnist is the default if it is
            on this machine. Or labelled images of your own: a folder or a file; see docs/data.md.
        size: Side in pixels to which the images are brought; 0 for their own.
        fit: How they are brought there: resize stretches, crop cuts the longer side's ends off, pad adds black to the shorter side's.
        batch: Images per batch; an epoch has each training image once.
        epsilon: ε, radius of the ball of perturbations, at least 0; pixels are in [0, 1].
        norm: Norm of the ball, linf or l2.
        regime: Training images of the classifier: adversarial (the losses above) or, for any λ, clean (natural), noisy (noise) or
            augmented (augmentation). Outside `adversarial` the attacker attacks, but does not influence the classifier.
        noise: Standard deviation of the regime `noise`, at least 0; noisy pixels are clamped to [0, 1].
        shift: Largest shift by augmentation along each axis, in pixels, at least 0.
        rotation: Largest rotation by augmentation, in degrees, at least 0.
        scored: Test images of the score, at least 1.
        steps: PGD steps of the score, at least 1.

    Raises:
        BadSetting: A number is out of its range.
        UnknownName: Unknown data, norm or regime.
        SlotMismatch: A player does not fit its role.
    """

    takes = {"data": Takes("images", SETS)}
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

    score_is = "error under attack"

    def __init__(
        self,
        classifier: PlayerSource = SmallConv,
        attacker: PlayerSource = Perturbation,
        data: str = images.first_there("mnist", "digits"),
        size: int = 0,
        fit: Literal["resize", "crop", "pad"] = "resize",
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
        data = self.takes["data"].settled("data", data)
        own = images.Own(data, size, fit) if size or data not in SETS else data
        shape, count, classes = _format(own)
        check_number("batch", batch, least=1, most=count, whole=True)
        check_choice("norm", norm, ("linf", "l2"))
        check_choice("regime", regime, ("adversarial", "natural", "noise", "augmentation"))
        for name, value in (("epsilon", epsilon), ("noise", noise), ("shift", shift), ("rotation", rotation)):
            check_number(name, value, least=0)
        check_number("scored", scored, least=1, whole=True)
        check_number("steps", steps, least=1, whole=True)
        arguments = {"examples": batch, "epsilon": epsilon, "norm": norm}
        super().__init__(classifier=Slot(shape, (classes,), classifier), attacker=Slot(shape, shape, attacker, arguments))
        self.data, self._set, self.batch, self.epsilon, self.norm, self.regime = data, own, batch, epsilon, norm, regime
        self.noise, self.shift, self.rotation, self.scored, self.steps = noise, shift, rotation, int(scored), int(steps)
        # In other regimes the classifier's loss is not the negative of the attacker's.
        vars(self)["zero_sum"] = regime == "adversarial"
        self._starts = any(hasattr(module, "on_batch") for module in self.players["attacker"].modules())
        self._bounded = bool(getattr(self.players["attacker"], "bounded", False))

    def sample(self, rng: Rng) -> Batch:
        pixels = images.load(self._set, rng.device)
        index_N = rng.epoch(len(pixels["x_train"]), self.batch)
        image = _as_numbers(images.take(pixels["x_train"], index_N), precision_of(self))
        if self.regime == "noise":
            image = (image + self.noise * torch.randn(image.shape, generator=rng.noise, device=rng.device).to(image)).clamp(0, 1)
        elif self.regime == "augmentation":
            image = self._augmented(image, rng.noise)
        batch = {"image": image, "label": images.take(pixels["y_train"], index_N).long()}
        if self._starts:
            batch["start"] = uniform(tuple(image.shape), self.norm, rng.noise, image.dtype)
        return batch

    def losses(self, batch: Batch, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        image, label = batch["image"], batch["label"]
        weight = coupling if self.regime == "adversarial" else 0.0
        losses: dict[str, Tensor] = {}
        # A weight of exactly 0 or 1 needs no second pass: λ = 1 is Madry's loss, λ = 0 that of clean images, bit for bit.
        if "classifier" in movers and _is(weight, 0.0):
            losses["classifier"] = self._cross_entropy(image, label)
            if "attacker" not in movers:
                return losses
        adversarial = self._cross_entropy(image + self.perturbation(image), label)
        if "classifier" in movers and not _is(weight, 0.0):
            mixed = adversarial if _is(weight, 1.0) else (1 - weight) * self._cross_entropy(image, label) + weight * adversarial
            losses["classifier"] = mixed
        if "attacker" in movers:
            losses["attacker"] = -adversarial if _is(coupling, 1.0) else -coupling * adversarial
        return losses

    def perturbation(self, image_NCHW: Tensor) -> Tensor:
        """Return the attacker's perturbations, projected onto the ball and the pixel range unless the attacker is `bounded`."""
        delta = self.players["attacker"](image_NCHW)
        return delta if self._bounded else into_range(into_ball(delta, self.norm, self.epsilon), image_NCHW)

    def signals(self, batch: Batch) -> dict[str, Tensor]:
        """Accuracy on the batch, clean and under the attacker's perturbations.

        Catastrophic overfitting shows as a high second value while the score nears 1.
        """
        image, label = batch["image"], batch["label"]
        classifier = self.players["classifier"]
        return {
            "clean_accuracy": (classifier(image).argmax(1) == label).to(image.dtype).mean(),
            "adversarial_accuracy": (classifier(image + self.perturbation(image)).argmax(1) == label).to(image.dtype).mean(),
        }

    def score(self) -> Tensor:
        """Error on test images under PGD from fixed random starts."""
        image, label = self.test_images(self.scored)
        rng = torch.Generator(device=image.device).manual_seed(0)
        begin = self.epsilon * uniform(tuple(image.shape), self.norm, rng, image.dtype)
        classifier = self.players["classifier"]
        with evaluating(classifier):
            _, right = attack(classifier, image, label, self.threat, begin)
        return 1 - right.to(image.dtype).mean()

    @property
    def threat(self) -> Threat:
        """The attack of the score."""
        return Threat(self.epsilon, self.norm, self.steps)

    def metrics(self) -> dict[str, float | Tensor]:
        """Accuracy on the images of the score, clean and under FGSM; accuracy under PGD is 1 − score."""
        image, label = self.test_images(self.scored)
        classifier = self.players["classifier"]
        with evaluating(classifier):
            right = classifier(image).argmax(1) == label
            _, still = attack(classifier, image, label, Threat.fgsm(self.epsilon, self.norm))
        return {"clean-accuracy": right.to(image.dtype).mean(), "fgsm-accuracy": still.to(image.dtype).mean()}

    def test_images(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the first `count` test images and labels, or all, on the classifier's device and in its precision."""
        like = next(self.players["classifier"].parameters(), torch.empty(()))
        pixels = images.load(self._set, torch.empty(0).device)
        return _as_numbers(pixels["x_test"][:count].to(like.device), like.dtype).to(like), pixels["y_test"][:count].long().to(like.device)

    def picture(self) -> Any:
        """Test images clean, perturbed by PGD, and their difference; beside them the accuracy over ε."""
        from arena.games.attack.picture import ATTACKED, SHOWN, draw

        test = self.test_images(max(SHOWN, min(ATTACKED, self.scored)))
        return draw(self.players["classifier"], *test, self.threat, self.fixed)

    def _cross_entropy(self, image: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(self.players["classifier"](image), label)

    def _augmented(self, image: Tensor, rng: torch.Generator) -> Tensor:
        """Rotate and shift each image by its own uniform draw, with black outside."""
        drawn_N3 = torch.rand(len(image), 3, generator=rng, device=rng.device).to(image) * 2 - 1
        angle_N = drawn_N3[:, 0] * (self.rotation * torch.pi / 180)
        cos, sin = angle_N.cos(), angle_N.sin()
        height, width = image.shape[2:]
        right, down = drawn_N3[:, 1] * (2 * self.shift / width), drawn_N3[:, 2] * (2 * self.shift / height)
        maps_N23 = torch.stack([torch.stack([cos, -sin, right], 1), torch.stack([sin, cos, down], 1)], 1)
        return grid_sample(image, affine_grid(maps_N23, list(image.shape), align_corners=False), align_corners=False).clamp(0, 1)


def _format(data: str | images.Own) -> tuple[Shape, int, int]:
    """Return the shape of an image, the number of training images and the number of classes."""
    if isinstance(data, str):
        return (*SETS[data], images.CLASSES)
    arrays = images.load(data, torch.device("cpu"))
    if "y_train" not in arrays:
        raise BadSetting("data", str(data), "images with labels. Fix: a folder for each class, or y_train and y_test")
    classes = 1 + max(int(arrays[key].max()) for key in ("y_train", "y_test"))
    return tuple(_as_numbers(arrays["x_train"][:1], torch.float32).shape[1:]), len(arrays["x_train"]), classes


def _as_numbers(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Return bytes (N, H, W) or (N, H, W, C) as numbers in [0, 1], (N, C, H, W)."""
    pixels_NCHW = pixels.unsqueeze(1) if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2)
    return pixels_NCHW.to(dtype, memory_format=torch.contiguous_format).div_(255)


def _is(number: float | Tensor, value: float) -> bool:
    """Return whether a weight is exactly `value` for all members; False for one number per member."""
    return isinstance(number, (int, float)) and number == value
