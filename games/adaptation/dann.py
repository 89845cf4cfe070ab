r"""Domain-adversarial training: a classifier of labelled source examples whose features do not tell from which domain they come.

With features f of an extractor, its label head y, a domain classifier d (logit, positive for the target), source (x, c) and target x':

    L_y = E CE(y(f(x)), c)                              L_d = ½ E softplus(d(f(x))) + ½ E softplus(−d(f(x')))
    extractor    L_y − λ L_d                            domain    [λ > 0] L_d

L_d is ln 2 where the domains cannot be told apart. As published, λ weighs only what the extractor feels, and the domain classifier learns
at full rate however small λ is; at λ = 0 it rests, and the extractor is trained on the source alone. With the gradient reversal R in front
of d, the one backward pass of

    L_y + [λ > 0] L_d(d ∘ R)

is the field of both (`joint_losses`). Y. Ganin et al., "Domain-Adversarial Training of Neural Networks", arXiv:1505.07818, sections 4, 5.

Target labels are used to measure, and never to train (but where `regime` says so).

Shapes: N = batch, F = features, K = classes.
"""

import functools
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from arena import PlayerSource, Slot, register
from arena.core.field.batch_norm import layers_of
from arena.errors import check_choice
from arena.games.adaptation.base import Adaptation, BatchOfBoth, accuracy, part_of, where_felt
from arena.players import MLP, LabelledMLP, reverse
from arena.players.base import Shape, evaluating

BN_MODES = ("concat", "separate", "per_domain")


@register("dann")
class DANN(Adaptation):
    """Adaptation from a labelled source to an unlabelled target domain, through the gradient reversal layer.

    The score is the error on the target's test set, which may be reported but not be trained or chosen by.

    Args:
        extractor: a classifier with the children `features` and `label`.
        domain: from features to one logit, positive for the target.
        source: domain whose labels are learnt: moons, rotated-moons, mnist, usps, … or the path of an npz; see `arena.games.data.domains`.
        target: domain that is adapted to; one of the same classes.
        regime: source-only trains on the source alone, adapt is DANN, target-only trains on the target's labels (what could be reached).
        bn_mode: how batch normalisation sees the domains: concat in one batch, separate one after the other, which then share running
            statistics, per_domain with running statistics for each.
        batch: examples drawn per turn, of each domain.
        form: of images: what both domains are brought to, such as 28x28x1; auto is the smallest that loses nothing.
        angle: by which rotated-moons are turned, in degrees.
        noise: standard deviation of the moons' points.
        jointly: play by the one backward pass of the joint loss; false computes each loss's own.

    Raises:
        BadSetting: for a number out of its range, or domains that do not go together.
        UnknownName: for an unknown domain, regime, form or mode.
        SlotMismatch: for a player that does not fit.
    """

    recipe: ClassVar[dict[str, Any]] = {
        "turns": 2000,
        "coupling": "dann-ramp",
        "extractor.lr": 3e-3,
        "extractor.betas": (0.5, 0.999),
        "extractor.schedule": "linear",
        "domain.lr": 3e-3,
        "domain.betas": (0.5, 0.999),
        "domain.schedule": "linear",
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
    ):
        self.check_numbers(batch, angle, noise)
        check_choice("bn_mode", bn_mode, BN_MODES)
        first, second = self.domains(source, target, form, regime)
        classes = (len((second if regime == "target-only" else first).labels),)
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
            return {"extractor": self.supervised(batch), "domain": self._at_rest()}
        source, labels_N, target, _ = batch
        features_NF, heard = self._features(source, target)
        told_apart = self._told_apart(heard)
        losses = {"domain": where_felt(coupling, told_apart)}
        if "extractor" in movers:
            losses["extractor"] = self._label_loss(features_NF, labels_N) - coupling * told_apart
        return losses

    def joint_losses(self, batch: BatchOfBoth, coupling: float | Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if self._plain(coupling):
            label, rest = self.supervised(batch), self._at_rest()
            return label + rest, {"extractor": label, "domain": rest}
        source, labels_N, target, _ = batch
        features_NF, heard = self._features(source, target)
        label = self._label_loss(features_NF, labels_N)
        told_apart = self._told_apart([reverse(features, coupling) for features in heard])
        felt = where_felt(coupling, told_apart)
        return label + felt, {"extractor": label - coupling * told_apart, "domain": felt}

    def _plain(self, coupling: float | Tensor) -> bool:
        """Whether there is nothing to adapt to: by the regime, or at λ = 0 where the target cannot shift statistics of a batch."""
        return self.regime != "adapt" or (isinstance(coupling, float) and coupling == 0 and not self._mixes)

    def _at_rest(self) -> Tensor:
        """The loss of a domain classifier that is not asked: 0, with gradient 0."""
        return 0 * next(self.players["domain"].parameters()).sum()

    def _label_loss(self, features_NF: Tensor, labels_N: Tensor) -> Tensor:
        return cross_entropy(self.label(features_NF), labels_N)

    def _told_apart(self, heard: Sequence[Tensor]) -> Tensor:
        """L_d of what `_features` gives for the domain classifier."""
        logits = [self.players["domain"](features) for features in heard]
        on_source, on_target = logits if len(logits) == 2 else logits[0].chunk(2)
        return softplus(torch.cat([on_source, -on_target])).mean()

    # The extractor's two parts ----------------------------------------------------------------------------------------------

    def _features(self, source: Tensor, target: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Features of the source, and what the domain classifier hears: both domains in one batch, or each in its own."""
        if self._apart:
            each = self.features_of(source, 0), self.features_of(target, 1)
            return each[0], each
        both = self.features_of(torch.cat([source, target]), 0)
        return both[: len(source)], (both,)

    @property
    def classifier(self) -> Any:
        return self.players["extractor"]

    # What is measured -------------------------------------------------------------------------------------------------------

    def signals(self, batch: BatchOfBoth) -> dict[str, Tensor]:
        """On the batch, with layers in evaluation mode: how well labels and domains are told.

        label_loss and label_accuracy of the source; domain_loss (ln 2 ≈ 0.693 where the domains cannot be told apart) and domain_accuracy
        (½ there); reversed_gradient = ‖∂L_d/∂f‖ over the batch's features, of which the extractor feels λ times; and where the target has
        labels, its target_accuracy, target_cross_entropy and calibration_error, which may part: a few confidently wrong guesses make the
        cross-entropy explode while the accuracy rises.
        """
        source, labels_N, target, others_N = batch
        with evaluating(self.players):
            features_NF, others_NF = self.features_of(source, 0), self.features_of(target, 1)
            logits_NK, other_logits_NK = self.label(features_NF), self.label(others_NF)
            domain = self.players["domain"]
            on_source, on_target = domain(features_NF), domain(others_NF)
            both = torch.cat([features_NF, others_NF])
            reversed_gradient = torch.func.grad(lambda f: self._told_apart(f.chunk(2)))(both)
            found = {
                "label_loss": cross_entropy(logits_NK, labels_N),
                "label_accuracy": accuracy(logits_NK, labels_N),
                "domain_loss": softplus(torch.cat([on_source, -on_target])).mean(),
                "domain_accuracy": (torch.cat([-on_source, on_target]) > 0).to(on_source).mean(),
                "reversed_gradient": reversed_gradient.norm(),
            }
            if self.target.labels:
                found |= self.of_target(other_logits_NK, others_N)
        return found


def _shape_of_features(extractor: nn.Module, inputs: Shape) -> Shape:
    """What the domain classifier will be given, found by trying."""
    features, _ = part_of(extractor, "features"), part_of(extractor, "label")
    like = next(features.parameters(), torch.empty(()))
    with torch.no_grad(), evaluating(features):
        found = features(torch.zeros(2, *inputs, dtype=like.dtype, device=like.device))
    return tuple(found.shape[1:])
