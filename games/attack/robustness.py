"""Robustness of a classifier against attacks on held-out images.

    FGSM     δ = ε·s(∇ₓ L(x))                                                one step from the image itself
    PGD-k    δ₀ = ε·u, then k times δ ← P(δ + α·s(∇ₓ L(x + δ)))              u uniform in the unit ball; best of several restarts

with L the cross-entropy, s(g) = sign(g) in the L∞ ball and g/‖g‖₂ in the L2 ball, and P the projection onto the ball and the pixel
range (`arena.players.ball`). An image counts as right only if no restart fools the classifier. An attack that has succeeded on an image
stops, and later restarts leave the image out: the result is the same, for a fraction of the work.

I. Goodfellow et al., arXiv:1412.6572; A. Madry et al., arXiv:1706.06083; the stopping as in the code of E. Wong et al.,
arXiv:2001.03994.

A measurement has its own random stream, and does not change parameters, gradients or other streams. With
ε = 0 every attack gives exactly the clean accuracy.

Shapes: N = images, * = the shape of one image, C = classes.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value
from torch.nn.functional import cross_entropy

from arena.errors import BadSetting, check_choice, check_number
from arena.players.ball import Norm, into_ball, into_range, steepest, uniform
from arena.players.base import evaluating

Classifier = Callable[[Tensor], Tensor]
"""Maps N images, (N, *), to logits, (N, C)."""


@dataclass(frozen=True)
class Threat:
    """The constraint and the strength of an attack.

    Args:
        epsilon: ε, radius of the ball, at least 0.
        norm: Norm of the ball, linf or l2.
        steps: k, steps per restart, at least 1.
        step_size: α, step size, at least 0; 0 for ε/4.
        restarts: Number of random starts, at least 0; 0 for one start at the image.
        seed: Seed of the random starts.

    Raises:
        BadSetting: A number is out of its range.
        UnknownName: Unknown norm.

    Example:
        >>> str(Threat(0.3, steps=50, step_size=0.01, restarts=10)), str(Threat.fgsm(0.3))
        ('PGD-50-10', 'FGSM')
    """

    epsilon: Any = 0.3
    norm: Norm = "linf"
    steps: int = 10
    step_size: Any = 0.0
    restarts: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("epsilon", self.epsilon), ("step_size", self.step_size)):
            if not isinstance(value, Tensor):  # in a population they are tensors, whose members have been checked
                check_number(name, value, least=0)
        check_choice("norm", self.norm, ("linf", "l2"))
        check_number("steps", self.steps, least=1, whole=True)
        check_number("restarts", self.restarts, least=0, whole=True)

    @classmethod
    def fgsm(cls, epsilon: float, norm: Norm = "linf") -> "Threat":
        """Return the attack by one step of length ε from the image."""
        return cls(epsilon, norm, steps=1, step_size=epsilon, restarts=0)

    @property
    def alpha(self) -> Any:
        """The step size."""
        if isinstance(self.step_size, Tensor):
            return torch.where(self.step_size > 0, self.step_size, self.epsilon / 4)
        return self.step_size or self.epsilon / 4

    def __str__(self) -> str:
        restarts = f"-{self.restarts}" if self.restarts > 1 else ""
        return f"PGD-{self.steps}{restarts}" if self.restarts or self.steps > 1 else "FGSM"


def attack(
    classifier: Classifier, image_N: Tensor, label_N: Tensor, threat: Threat, begin_N: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attack by one restart, and return the perturbations, (N, *), and for each image whether the classifier, evaluating, is still right.

    No branch depends on a tensor's value, so that a population's members can be attacked at once.

    Args:
        classifier: Maps images to logits.
        image_N: Pixels in [0, 1].
        label_N: Classes.
        threat: The attack.
        begin_N: Initial perturbations; None to start at the images.

    Example:
        >>> pull = lambda x: torch.stack([x.sum((1, 2, 3)), 8 - x.sum((1, 2, 3))], dim=1)      # is the image bright?
        >>> image = torch.full((1, 1, 4, 4), 0.3)
        >>> delta, right = attack(pull, image, torch.tensor([0]), Threat.fgsm(0.1))
        >>> delta[0, 0, 0, 0].item(), right.tolist()
        (-0.10000000149011612, [False])
    """

    def loss(delta_N: Tensor) -> tuple[Tensor, Tensor]:
        logits_NC = classifier(image_N + delta_N)
        return cross_entropy(logits_NC, label_N, reduction="sum"), logits_NC

    slope = grad_and_value(loss, has_aux=True)
    delta_N = torch.zeros_like(image_N) if begin_N is None else into_range(begin_N, image_N)
    with evaluating(classifier):  # batch norm in training mode would change its statistics within the transform
        for _ in range(threat.steps):
            gradient_N, (_, logits_NC) = slope(delta_N)
            right_N = _right(logits_NC, label_N)
            step_N = threat.alpha * steepest(gradient_N, threat.norm)
            moved_N = into_range(into_ball(delta_N + step_N, threat.norm, threat.epsilon), image_N)
            delta_N = torch.where(right_N.view(-1, *[1] * (image_N.dim() - 1)), moved_N, delta_N)
        return delta_N, _right(classifier(image_N + delta_N), label_N)


def withstands(classifier: Classifier, image_N: Tensor, label_N: Tensor, threat: Threat, at_once: int = 250) -> Tensor:
    """Return for each image whether the classifier, in evaluation mode, is right, clean and in every restart: N truth values.

    The result depends on `at_once`, the images that are attacked together, by rounding only.

    Raises:
        BadSetting: Pixels or labels are out of their ranges.
    """
    rng = torch.Generator(device=image_N.device).manual_seed(threat.seed)
    with torch.no_grad(), evaluating(classifier):
        standing = correct(classifier, image_N, label_N, at_once)
        for _ in range(max(1, threat.restarts)):
            # Drawn for all images, so that an image's start depends neither on the others nor on `at_once`.
            begin_N = threat.epsilon * uniform(tuple(image_N.shape), threat.norm, rng).to(image_N) if threat.restarts else None
            for left in standing.nonzero()[:, 0].split(at_once):
                begin = None if begin_N is None else begin_N[left]
                standing[left] = _pursue(classifier, image_N[left], label_N[left], threat, begin)
    return standing


def correct(classifier: Classifier, image_N: Tensor, label_N: Tensor, at_once: int = 250) -> Tensor:
    """Return for each image whether the classifier is right; raise BadSetting if pixels or labels are out of their ranges."""
    with torch.no_grad(), evaluating(classifier):
        logits_NC = torch.cat([classifier(part) for part in image_N.split(at_once)])
        _check(image_N, label_N, logits_NC.shape[1])
        return _right(logits_NC, label_N)


def accuracy(classifier: Classifier, image_N: Tensor, label_N: Tensor, threat: Threat, at_once: int = 250) -> float:
    """Return the accuracy under an attack; at ε = 0 exactly the clean accuracy."""
    return withstands(classifier, image_N, label_N, threat, at_once).double().mean().item()


def curve(
    classifier: Classifier, image_N: Tensor, label_N: Tensor, epsilons: Sequence[float], threat: Threat, at_once: int = 250
) -> list[float]:
    """Return the accuracy under an attack of each strength, in ascending order, with the step size in proportion to ε.

    An image that is fooled at one ε counts as fooled at every larger ε, whose ball contains its perturbation: the curve never rises.
    """
    standing = torch.ones(len(image_N), dtype=torch.bool, device=image_N.device)
    accuracies = []
    for epsilon in epsilons:
        step_size = threat.step_size * epsilon / threat.epsilon if threat.step_size else 0.0
        scaled = dataclasses.replace(threat, epsilon=epsilon, step_size=step_size)
        left = standing.nonzero()[:, 0]
        standing[left] &= withstands(classifier, image_N[left], label_N[left], scaled, at_once) if len(left) else False
        accuracies.append(standing.double().mean().item())
    return accuracies


def _pursue(classifier: Classifier, image_N: Tensor, label_N: Tensor, threat: Threat, begin_N: Tensor | None, stretch: int = 10) -> Tensor:
    """Attack in stretches of steps, and leave out fooled images in between."""
    standing = torch.ones(len(image_N), dtype=torch.bool, device=image_N.device)
    left, steps = torch.arange(len(image_N), device=image_N.device), threat.steps
    while steps > 0 and len(left):
        now = min(stretch, steps)
        delta_N, right = attack(classifier, image_N[left], label_N[left], dataclasses.replace(threat, steps=now), begin_N)
        standing[left], begin_N = right, delta_N[right]
        left, steps = left[right], steps - now
    return standing


def _right(logits_NC: Tensor, label_N: Tensor) -> Tensor:
    return logits_NC.argmax(1) == label_N


def _check(image_N: Tensor, label_N: Tensor, classes: int) -> None:
    """Refuse pixels or labels out of their ranges."""
    if len(image_N) != len(label_N):
        raise BadSetting("labels", f"{len(label_N)} numbers", f"one for each of the {len(image_N)} images")
    for name, numbers, low, high in (("pixels", image_N, 0.0, 1.0), ("labels", label_N, 0, classes - 1)):
        if len(numbers) and not (low <= numbers.min() and numbers.max() <= high):
            span = f"from {numbers.min().item():g} to {numbers.max().item():g}"
            fix = "divide bytes by 255" if name == "pixels" else "count classes from 0"
            raise BadSetting(name, span, f"within [{low:g}, {high:g}]; {fix}")
