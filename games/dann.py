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

import contextlib
import functools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from arena import Game, PlayerSource, Rng, Slot, register
from arena.batch_norm import layers_of
from arena.errors import SlotMismatch, check_choice, check_number
from games.calibration import calibration_error
from games.data import domains
from players import MLP, LabelledMLP, reverse
from players.base import Shape
from players.domain_norm import per_domain, use

BatchOfBoth = tuple[Tensor, Tensor, Tensor, Tensor]
"""Source examples and labels, target examples and labels."""

REGIMES = ("source-only", "adapt", "target-only")
BN_MODES = ("concat", "separate", "per_domain")


@register("dann")
class DANN(Game):
    """Adaptation from a labelled source to an unlabelled target domain, through the gradient reversal layer.

    The score is the share of the target's test set that is classified wrongly: it looks at target labels, so it may be reported but not
    be trained or chosen by.

    Args:
        extractor: a classifier with the children `features` and `label`.
        domain: from features to one logit, positive for the target.
        source: domain whose labels are learnt: moons, rotated-moons, mnist, usps, … or the path of an npz; see `games.data.domains`.
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
        "picture.every": 500,
    }
    peeks = True
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
        check_number("batch", batch, least=1, whole=True)
        check_number("angle", angle)
        check_number("noise", noise, least=0)
        check_choice("regime", regime, REGIMES)
        check_choice("bn_mode", bn_mode, BN_MODES)
        first, second = domains.pair(source, target, form)
        learnt_from = second if regime == "target-only" else first
        if not learnt_from.labels:
            raise domains.without_labels("target", target, "regime target-only")
        if not second.labels:
            warnings.warn(
                f"the target {target} has no labels: its accuracy, cross-entropy, calibration and the score are absent", stacklevel=2
            )
        built = Slot(first.shape, (len(learnt_from.labels),), extractor).fill("extractor")
        if bn_mode == "per_domain":
            per_domain(_part(built, "features"))
        features = _shape_of_features(built, first.shape)
        super().__init__(extractor=built, domain=Slot(features, (1,), domain))
        self.slots["extractor"] = Slot(first.shape, (len(learnt_from.labels),), extractor)
        self.source, self.target, self.regime, self.bn_mode, self.jointly = first, second, regime, bn_mode, jointly
        self.batch, self.angle, self.noise = batch, angle, noise
        self._apart = bn_mode != "concat" and bool(layers_of(self.players))
        self._mixes = bool(layers_of(built))

    # The game ---------------------------------------------------------------------------------------------------------------

    def sample(self, rng: Rng) -> BatchOfBoth:
        of_source = self.source.draw(self.batch, rng, self.angle, self.noise)
        return (*of_source, *self.target.draw(self.batch, rng, self.angle, self.noise))

    def losses(self, batch: BatchOfBoth, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
        if self._plain(coupling):
            return {"extractor": self._supervised(batch), "domain": self._at_rest()}
        source, target, labels_N = batch[0], batch[2], batch[1]
        features_NF, heard = self._features(source, target)
        told_apart = self._told_apart(heard)
        losses = {"domain": _where_felt(coupling, told_apart)}
        if "extractor" in movers:
            losses["extractor"] = self._label_loss(features_NF, labels_N) - coupling * told_apart
        return losses

    def joint_losses(self, batch: BatchOfBoth, coupling: float | Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if self._plain(coupling):
            label, rest = self._supervised(batch), self._at_rest()
            return label + rest, {"extractor": label, "domain": rest}
        source, target, labels_N = batch[0], batch[2], batch[1]
        features_NF, heard = self._features(source, target)
        label = self._label_loss(features_NF, labels_N)
        told_apart = self._told_apart([reverse(features, coupling) for features in heard])
        felt = _where_felt(coupling, told_apart)
        return label + felt, {"extractor": label - coupling * told_apart, "domain": felt}

    def _plain(self, coupling: float | Tensor) -> bool:
        """Whether there is nothing to adapt to: by the regime, or at λ = 0 where the target cannot shift statistics of a batch."""
        return self.regime != "adapt" or (isinstance(coupling, float) and coupling == 0 and not self._mixes)

    def _supervised(self, batch: BatchOfBoth) -> Tensor:
        """Cross-entropy on the one domain that is trained on."""
        which = int(self.regime == "target-only")
        return self._label_loss(self._features_of(batch[2 * which], which), batch[2 * which + 1])

    def _at_rest(self) -> Tensor:
        """The loss of a domain classifier that is not asked: 0, with gradient 0."""
        return 0 * next(self.players["domain"].parameters()).sum()

    def _label_loss(self, features_NF: Tensor, labels_N: Tensor) -> Tensor:
        return cross_entropy(self._label(features_NF), labels_N)

    def _told_apart(self, heard: Sequence[Tensor]) -> Tensor:
        """L_d of what `_features` gives for the domain classifier."""
        logits = [self.players["domain"](features) for features in heard]
        on_source, on_target = logits if len(logits) == 2 else logits[0].chunk(2)
        return softplus(torch.cat([on_source, -on_target])).mean()

    # The extractor's two parts ----------------------------------------------------------------------------------------------

    def _features(self, source: Tensor, target: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Features of the source, and what the domain classifier hears: both domains in one batch, or each in its own."""
        if self._apart:
            each = self._features_of(source, 0), self._features_of(target, 1)
            return each[0], each
        both = self._features_of(torch.cat([source, target]), 0)
        return both[: len(source)], (both,)

    def _features_of(self, x: Tensor, which: int) -> Tensor:
        """Features of examples of one domain: 0 the source, 1 the target."""
        extractor: Any = self.players["extractor"]
        with use(which, extractor) if self.bn_mode == "per_domain" else contextlib.nullcontext():
            return extractor.features(x)

    def _label(self, features_NF: Tensor) -> Tensor:
        extractor: Any = self.players["extractor"]
        return extractor.label(features_NF)

    # What is measured -------------------------------------------------------------------------------------------------------

    def signals(self, batch: BatchOfBoth) -> dict[str, Tensor]:
        """On the batch, with layers in evaluation mode: how well labels and domains are told.

        label_loss and label_accuracy of the source; domain_loss (ln 2 ≈ 0.693 where the domains cannot be told apart) and domain_accuracy
        (½ there); reversed_gradient = ‖∂L_d/∂f‖ over the batch's features, of which the extractor feels λ times; and where the target has
        labels, its target_accuracy, target_cross_entropy and calibration_error, which may part: a few confidently wrong guesses make the
        cross-entropy explode while the accuracy rises.
        """
        source, labels_N, target, others_N = batch
        with self._evaluating():
            features_NF, others_NF = self._features_of(source, 0), self._features_of(target, 1)
            logits_NK, other_logits_NK = self._label(features_NF), self._label(others_NF)
            domain = self.players["domain"]
            on_source, on_target = domain(features_NF), domain(others_NF)
            both = torch.cat([features_NF, others_NF])
            reversed_gradient = torch.func.grad(lambda f: self._told_apart(f.chunk(2)))(both)
            found = {
                "label_loss": cross_entropy(logits_NK, labels_N),
                "label_accuracy": _accuracy(logits_NK, labels_N),
                "domain_loss": softplus(torch.cat([on_source, -on_target])).mean(),
                "domain_accuracy": (torch.cat([-on_source, on_target]) > 0).to(on_source).mean(),
                "reversed_gradient": reversed_gradient.norm(),
            }
            if self.target.labels:
                found |= {
                    "target_accuracy": _accuracy(other_logits_NK, others_N),
                    "target_cross_entropy": cross_entropy(other_logits_NK, others_N),
                    "calibration_error": calibration_error(other_logits_NK, others_N),
                }
        return found

    def score(self) -> Tensor:
        """Error on the target's test set; not a number where the target has no labels."""
        if not self.target.labels:
            return torch.tensor(float("nan"))
        logits_NK, labels_N = self.outputs(1)
        return 1 - _accuracy(logits_NK, labels_N)

    def criterion(self, score: float | Tensor) -> Tensor:
        """ε_S + max(0, 1 − 2ε_D), for which no label of the target is needed.

        ε_S is the error on the source's test set and ε_D that with which a logistic regression, fitted to half of both domains' features,
        tells the domains of the other half apart: half the proxy A-distance, 2(1 − 2ε_D). Up to a constant, their sum bounds the error on
        the target. S. Ben-David et al., "A theory of learning from different domains", Machine Learning 79, 2010.
        """
        logits_NK, labels_N = self.outputs(0)
        features = [self._held_out_features(which) for which in (0, 1)]
        return (1 - _accuracy(logits_NK, labels_N)) + half_proxy_distance(*features).to(logits_NK)

    def _held_out_features(self, which: int) -> Tensor:
        """Features of up to a thousand held-out examples of a domain, as rows."""
        like, domain = next(self.parameters()), (self.source, self.target)[which]
        with self._evaluating():
            examples = next(domain.held_out(self.angle, self.noise, 1000))[0][:1000]
            return self._features_of(examples.to(like), which).flatten(1)

    def outputs(self, which: int) -> tuple[Tensor, Tensor]:
        """Logits and labels of a domain's whole test set.

        Args:
            which: 0 the source, 1 the target.
        """
        like = next(self.parameters())
        domain = (self.source, self.target)[which]
        with self._evaluating():
            parts = [(self._label(self._features_of(x.to(like), which)), y) for x, y in domain.held_out(self.angle, self.noise)]
        return torch.cat([logits for logits, _ in parts]), torch.cat([y for _, y in parts])

    def picture(self) -> Any:
        """Of points, both domains on the classifier's surface; of images, features of 400 examples of each along their two main axes."""
        from games import domain_pictures

        like = next(self.parameters())
        (source, labels_N), (target, others_N) = (next(d.held_out(self.angle, self.noise, 400)) for d in (self.source, self.target))
        known = bool(self.target.labels)
        with torch.no_grad(), self._evaluating():
            if not self.source.form:
                extractor = self.players["extractor"]
                surface = lambda points: extractor(points.to(like)).softmax(1)[:, 1]  # noqa: E731
                return domain_pictures.boundary(source[:400].cpu(), target[:400].cpu(), others_N[:400].cpu(), surface)
            features = (self._features_of(source.to(like), 0), self._features_of(target.to(like), 1))
            return domain_pictures.clouds(*features, labels_N, others_N if known else None)

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        training = [m for m in self.players.modules() if m.training]
        try:
            for module in training:
                module.training = False
            yield
        finally:
            for module in training:
                module.training = True


def half_proxy_distance(source_NF: Tensor, target_NF: Tensor) -> Tensor:
    """max(0, 1 − 2ε): ε is the error of a logistic regression, fitted to every second row, on the others.

    Example:
        >>> at = torch.linspace(-1, 1, 100).unsqueeze(1)
        >>> float(half_proxy_distance(at, at + 9)), float(half_proxy_distance(at, at))
        (1.0, 0.0)
    """
    from sklearn.linear_model import LogisticRegression

    both_NF = torch.cat([source_NF, target_NF]).detach().double().cpu()
    both_NF = ((both_NF - both_NF.mean(0)) / (both_NF.std(0) + 1e-9)).nan_to_num()
    side_N = torch.arange(len(both_NF)) >= len(source_NF)
    fitted = LogisticRegression(max_iter=200).fit(both_NF[::2].numpy(), side_N[::2].numpy())
    error = float((fitted.predict(both_NF[1::2].numpy()) != side_N[1::2].numpy()).mean())
    return torch.tensor(max(0.0, 1 - 2 * error))


def _where_felt(coupling: float | Tensor, loss: Tensor) -> Tensor:
    """The loss where λ > 0, else 0 with gradient 0."""
    return (coupling > 0) * loss if isinstance(coupling, Tensor) else loss if coupling > 0 else 0 * loss


def _accuracy(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    return (logits_NK.argmax(1) == labels_N).to(logits_NK).mean()


def _shape_of_features(extractor: nn.Module, inputs: Shape) -> Shape:
    """What the domain classifier will be given, found by trying."""
    features, _ = _part(extractor, "features"), _part(extractor, "label")
    like = next(features.parameters(), torch.empty(()))
    flags = {m: m.training for m in features.modules()}
    features.eval()
    with torch.no_grad():
        found = features(torch.zeros(2, *inputs, dtype=like.dtype, device=like.device))
    for m, flag in flags.items():
        m.training = flag
    return tuple(found.shape[1:])


def _part(extractor: nn.Module, name: str) -> nn.Module:
    part = getattr(extractor, name, None)
    if not isinstance(part, nn.Module):
        raise SlotMismatch(
            f"extractor: the role needs the children 'features' and 'label', but {type(extractor).__name__} has no '{name}'; "
            "wrap its two halves in players.TwoParts(features, label)"
        )
    return part
