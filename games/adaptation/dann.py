r"""Domain-adversarial training: a classifier of labelled source examples whose features do not reveal the domain.

With features f of an extractor, its label head y, a domain classifier d (logit, positive for the target), source (x, c) and target x':

    L_y = E CE(y(f(x)), c)                              L_d = ½ E softplus(d(f(x))) + ½ E softplus(−d(f(x')))
    extractor    L_y − λ L_d                            domain    [λ > 0] L_d

L_d is ln 2 if the domains are indistinguishable. As published, λ scales only the extractor's term, and the domain classifier learns
at full rate for any λ > 0; at λ = 0 it rests, and the extractor is trained on the source alone. With the gradient reversal R in front
of d, the one backward pass of

    L_y + [λ > 0] L_d(d ∘ R)

is the field of both (`joint_losses`). Y. Ganin et al., "Domain-Adversarial Training of Neural Networks", arXiv:1505.07818, sections 4, 5.

Target labels are used for evaluation only, except in the regime target-only.

Shapes: N = batch, F = features, K = classes.
"""

import functools
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from arena.core.field.batch_norm import layers_of
from arena.core.game import for_roles
from arena.core.slot import PlayerSource, Slot
from arena.errors import check_choice
from arena.games.adaptation.base import Adaptation, BatchOfBoth, accuracy, if_coupled, part_of
from arena.players import MLP, LabelledMLP, reverse
from arena.players.base import Shape, evaluating
from arena.registry.entries import register

BN_MODES = ("concat", "separate", "per_domain")


@register("dann")
class DANN(Adaptation):
    """Adaptation from a labelled source to an unlabelled target domain, through the gradient reversal layer.

    The score is the error on the target's test set, which may be reported but not used for training or selection.

    Args:
        extractor: Classifier with the children `features` and `label`.
        domain: Maps features to one logit, positive for the target.
        source: Labelled domain: moons, rotated-moons, mnist, usps, … or the path of images or a table of your own; see docs/data.md.
        target: Unlabelled domain; it may lack classes of the source, or have others, which the score leaves out.
        regime: source-only trains on the source alone, adapt is DANN, target-only trains on the target's labels (an upper bound).
        bn_mode: Domains in batch normalisation: concat in one batch, separate in two batches that share running
            statistics, per_domain with running statistics for each.
        batch: Examples drawn per turn from each domain.
        form: Common form of images, such as 28x28x1; auto is the smallest that loses nothing.
        angle: Rotation of rotated-moons, in degrees.
        noise: Standard deviation of the moons' points.
        jointly: Use one backward pass of the joint loss; false uses one for each loss.
        labels: Labels that one domain alone may have: any; partial, those of the source; open, those of the target; same, none.

    Raises:
        BadSetting: A number is out of its range, or the domains do not match.
        UnknownName: Unknown domain, regime, form or mode.
        SlotMismatch: A player does not fit its role.
    """

    recipe: ClassVar[dict[str, Any]] = {
        "turns": 2000,
        "coupling": "dann-ramp",
        **for_roles("extractor", "domain", lr=3e-3, betas=(0.5, 0.999), schedule="linear"),
        "score.every": 200,
        "metrics.every": 200,
        "picture.every": 500,
    }
    space: ClassVar[dict[str, str]] = {
        "coupling": "log:0.01:1",
        "extractor.lr": "log:3e-5:3e-2",
        "domain.lr": "log:3e-5:3e-2",
        "*.betas.0": "0:0.9",
    }
    sweep: ClassVar[dict[str, Any]] = {"turns": 1000}

    def __init__(
        self,
        extractor: PlayerSource = functools.partial(LabelledMLP, activation="tanh"),
        domain: PlayerSource = functools.partial(MLP, hidden=(64,), activation="tanh"),
        source: str = "moons",
        target: str = "rotated-moons",
        regime: Literal["source-only", "adapt", "target-only"] = "adapt",
        bn_mode: Literal["concat", "separate", "per_domain"] = "concat",
        batch: int = 128,
        form: Literal["auto", "8x8x1", "28x28x1", "32x32x3"] = "auto",
        angle: float = 35.0,
        noise: float = 0.1,
        jointly: bool = True,
        labels: Literal["any", "partial", "open", "same"] = "any",
    ):
        self.check_numbers(batch, angle, noise)
        check_choice("bn_mode", bn_mode, BN_MODES)
        first, second = self.domains(source, target, form, regime, labels)
        classes = (len(first.classes),)
        built = Slot(first.shape, classes, extractor).fill("extractor")
        features = _shape_of_features(built, first.shape)
        super().__init__((first, second), regime, batch, angle, noise, extractor=built, domain=Slot(features, (1,), domain))
        self.slots["extractor"] = Slot(first.shape, classes, extractor)
        if bn_mode == "per_domain":
            self.keep_apart()
        self.bn_mode, self.jointly = bn_mode, jointly
        self._apart = bn_mode != "concat" and bool(layers_of(self.players))
        self._mixes = bool(layers_of(built))

    # The game ---------------------------------------------------------------------------------------------------------------

    def losses(self, batch: BatchOfBoth, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
        if self._plain(coupling):
            return {"extractor": self.supervised(batch), "domain": self.at_rest("domain")}
        source, labels_N, target, _ = batch
        features_NF, inputs = self._features(source, target)
        domain_loss = self._domain_loss(inputs)
        losses = {"domain": if_coupled(coupling, domain_loss)}
        if "extractor" in movers:
            losses["extractor"] = self._label_loss(features_NF, labels_N) - coupling * domain_loss
        return losses

    def joint_losses(self, batch: BatchOfBoth, coupling: float | Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if self._plain(coupling):
            label, rest = self.supervised(batch), self.at_rest("domain")
            return label + rest, {"extractor": label, "domain": rest}
        source, labels_N, target, _ = batch
        features_NF, inputs = self._features(source, target)
        label = self._label_loss(features_NF, labels_N)
        domain_loss = self._domain_loss([reverse(features, coupling) for features in inputs])
        coupled = if_coupled(coupling, domain_loss)
        return label + coupled, {"extractor": label - coupling * domain_loss, "domain": coupled}

    def _plain(self, coupling: float | Tensor) -> bool:
        """Return whether there is no adaptation: by the regime, or at λ = 0 if the target cannot shift statistics of a batch."""
        return self.regime != "adapt" or (isinstance(coupling, float) and coupling == 0 and not self._mixes)

    def _label_loss(self, features_NF: Tensor, labels_N: Tensor) -> Tensor:
        return cross_entropy(self.label(features_NF), labels_N)

    def _domain_loss(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return L_d for the second result of `_features`."""
        logits = [self.players["domain"](features) for features in inputs]
        on_source, on_target = logits if len(logits) == 2 else logits[0].chunk(2)
        return softplus(torch.cat([on_source, -on_target])).mean()

    # The extractor's two parts ----------------------------------------------------------------------------------------------

    def _features(self, source: Tensor, target: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Return the source's features, and the domain classifier's inputs: both domains in one batch, or in two."""
        if self._apart:
            each = self.features_of(source, 0), self.features_of(target, 1)
            return each[0], each
        both = self.features_of(torch.cat([source, target]), 0)
        return both[: len(source)], (both,)

    @property
    def classifier(self) -> Any:
        return self.players["extractor"]

    # Measurements -----------------------------------------------------------------------------------------------------------

    def signals(self, batch: BatchOfBoth) -> dict[str, Tensor]:
        """On the batch, with layers in evaluation mode.

        label_loss and label_accuracy of the source; domain_loss (ln 2 ≈ 0.693 if the domains are indistinguishable) and domain_accuracy
        (then ½); reversed_gradient = ‖∂L_d/∂f‖ over the batch's features, scaled by λ for the extractor; and if the target has
        labels, its target_accuracy, target_cross_entropy and calibration_error (see `of_target`).
        """
        source, labels_N, target, others_N = batch
        with evaluating(self.players):
            features_NF, others_NF = self.features_of(source, 0), self.features_of(target, 1)
            logits_NK, other_logits_NK = self.label(features_NF), self.label(others_NF)
            domain = self.players["domain"]
            on_source, on_target = domain(features_NF), domain(others_NF)
            both = torch.cat([features_NF, others_NF])
            reversed_gradient = torch.func.grad(lambda f: self._domain_loss(f.chunk(2)))(both)
            values = {
                "label_loss": cross_entropy(logits_NK, labels_N),
                "label_accuracy": accuracy(logits_NK, labels_N),
                "domain_loss": softplus(torch.cat([on_source, -on_target])).mean(),
                "domain_accuracy": (torch.cat([-on_source, on_target]) > 0).to(on_source).mean(),
                "reversed_gradient": reversed_gradient.norm(),
            }
            if self.target.labels:
                values |= self.of_target(other_logits_NK, others_N)
        return values


def _shape_of_features(extractor: nn.Module, inputs: Shape) -> Shape:
    """Return the shape of the domain classifier's input, found by a trial."""
    features, _ = part_of(extractor, "features"), part_of(extractor, "label")
    like = next(features.parameters(), torch.empty(()))
    with torch.no_grad(), evaluating(features):
        output = features(torch.zeros(2, *inputs, dtype=like.dtype, device=like.device))
    return tuple(output.shape[1:])
