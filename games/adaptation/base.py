"""Base class of domain adaptation games: two domains, a classifier in two parts, and its evaluation on the target.

A subclass defines players and losses. One of its players, or a part of one, is the classifier: a module with the children `features`
and `label`, y(f(x)). Target labels are used for evaluation only, except in the regime target-only.

Shapes: N = batch, F = features, K = classes.
"""

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from arena.core.game import Game
from arena.core.measures import Criterion
from arena.core.result_table import ResultTable, VariantResult
from arena.core.rng import Rng
from arena.core.slot import Slot
from arena.errors import ArenaWarning, BadSetting, SlotMismatch, check_choice, check_number
from arena.games.adaptation import table as adaptation_table
from arena.games.adaptation.calibration import calibration_error
from arena.games.adaptation.criteria import Outputs, criteria
from arena.games.adaptation.domain_divergence import proxy_a_distance
from arena.games.adaptation.statistics_shift import statistics_shift
from arena.games.data import domains
from arena.games.data.domains import Domain
from arena.players.base import evaluating, precision_of
from arena.players.domain_norm import per_domain, use
from arena.registry.entries import entries

BatchOfBoth = tuple[Tensor, ...]
"""Source examples and labels, target examples and labels, and further draws of a game."""

LABELS = ("any", "partial", "open", "same")
"""Labels that one domain alone may have: any; partial, those of the source; open, those of the target; same, none."""


class Adaptation(Game):
    """Adaptation of a classifier from labelled source examples to unlabelled target examples.

    The classes are the labels of the source. The score is the error on the target's test set, over its examples of these classes: all of
    them unless the target has further labels (an open set). It uses target labels, so it may be reported, but not used for training or
    selection.

    Class attributes:
        regimes: Values of `regime`.
        looked_at: Examples of each kind for criteria and the proxy A-distance.
        embedded: Examples of each domain in the t-SNE picture.

    Args:
        pair: Source and target.
        regime: One of `regimes`.
        batch: Examples drawn per turn from each domain; images with replacement, so that a domain may have fewer.
        angle: Rotation of rotated points, in degrees.
        noise: Standard deviation of points.
        players: Players by role.
    """

    regimes: ClassVar[Sequence[str]] = ("source-only", "adapt", "target-only")
    looked_at: ClassVar[int] = 500
    embedded: ClassVar[int] = 250
    animated: ClassVar[bool] = True
    score_is: ClassVar[str] = "error on the target"
    takes = {"source": domains.TAKES, "target": domains.TAKES}
    uses_oracle = True
    _kept_apart = False

    def __init__(self, pair: tuple[Domain, Domain], regime: str, batch: int, angle: float, noise: float, **players: nn.Module | Slot):
        super().__init__(**players)
        self.source, self.target = pair
        self.regime, self.batch, self.angle, self.noise = regime, batch, angle, noise

    @classmethod
    def domains(cls, source: str, target: str, form: str, regime: str, labels: str = "any") -> tuple[Domain, Domain]:
        """Return the two domains after checking them against the regime, and their labels against `LABELS`.

        Raises:
            UnknownName: Unknown domain, form, regime or choice of labels.
            BadSetting: The domains have no label in common, lack labels that are needed for training, or have others than are allowed.
        """
        check_choice("regime", regime, cls.regimes)
        check_choice("labels", labels, LABELS)
        first, second = domains.pair(source, target, form)
        if regime == "target-only" and not second.labels:
            raise domains.without_labels("target", domains.called(target), "regime target-only")
        lacking = [label for label in first.labels if label not in second.labels]
        if lacking and second.labels and labels in ("open", "same"):
            fitting = "any" if second.unknown else "any or partial"
            raise BadSetting("labels", labels, f"{fitting}, because the target lacks {domains.listed(lacking)}")
        if second.unknown and labels in ("partial", "same"):
            raise BadSetting(
                "labels", labels, f"{'any' if lacking else 'any or open'}, because the source lacks {domains.listed(second.unknown)}"
            )
        told = []
        if not second.labels:
            told = ["has no labels: its accuracy, cross-entropy, calibration and the score are absent"]
        elif lacking:
            told = [f"lacks the labels {domains.listed(lacking)} of the source (partial adaptation)"]
        if second.unknown:
            told += [
                f"has labels that the source lacks (an open set), {domains.listed(second.unknown)}: the score leaves out their examples"
            ]
        if told:
            warnings.warn(f"the target {domains.called(target)} {', and '.join(told)}", ArenaWarning, stacklevel=3)
        return first, second.known if regime == "target-only" else second

    @staticmethod
    def check_numbers(batch: int, angle: float, noise: float) -> None:
        """Refuse numbers out of their ranges."""
        check_number("batch", batch, least=1, whole=True)
        check_number("angle", angle)
        check_number("noise", noise, least=0)

    def sample(self, rng: Rng) -> BatchOfBoth:
        dtype = precision_of(self)
        of_source = self.source.draw(self.batch, rng, self.angle, self.noise, dtype=dtype)
        return (*of_source, *self.target.draw(self.batch, rng, self.angle, self.noise, dtype=dtype))

    # The classifier ---------------------------------------------------------------------------------------------------------

    @property
    def classifier(self) -> Any:
        """The module whose children are `features` and `label`."""
        raise TypeError(f"{type(self).__name__} has no classifier. Fix: write a property classifier that returns one of its modules")

    @property
    def adapts(self) -> bool:
        """Whether training uses both domains."""
        return self.regime not in ("source-only", "target-only")

    def at_rest(self, key: str) -> Tensor:
        """Return the loss of a part that rests: 0, with gradient 0."""
        return 0 * next(self.get_submodule(f"players.{key}").parameters()).sum()

    def keep_apart(self) -> None:
        """Keep separate statistics for each domain in the batch normalisation of the classifier's features."""
        per_domain(self.classifier.features)
        self._kept_apart = True

    def features_of(self, x: Tensor, which: int) -> Tensor:
        """Return features of examples of one domain: 0 for the source, 1 for the target.

        Training on one domain alone uses its statistics for both, because the others would be those of an untrained net.
        """
        with use(which if self.adapts else 0, self.classifier) if self._kept_apart else contextlib.nullcontext():
            return self.classifier.features(x)

    def label(self, features_NF: Tensor) -> Tensor:
        """Return logits of the classes."""
        return self.classifier.label(features_NF)

    def supervised(self, batch: BatchOfBoth) -> Tensor:
        """Return the cross-entropy on the domain whose labels are used for training."""
        which = int(self.regime == "target-only")
        return cross_entropy(self.label(self.features_of(batch[2 * which], which)), batch[2 * which + 1])

    # Measurements -----------------------------------------------------------------------------------------------------------

    def of_target(self, logits_NK: Tensor, labels_N: Tensor) -> dict[str, Tensor]:
        """Return accuracy, cross-entropy and calibration error. They may diverge: a few confidently wrong predictions
        make the cross-entropy explode while the accuracy rises."""
        return {
            "target_accuracy": accuracy(logits_NK, labels_N),
            "target_cross_entropy": cross_entropy(logits_NK, labels_N),
            "calibration_error": calibration_error(logits_NK, labels_N),
        }

    def score(self) -> Tensor:
        """Error on the target's test examples of the source's classes, or the chosen criterion; NaN if the target has no labels."""
        if self.evaluation.metric:
            return criteria()[self.evaluation.metric].score(self.criterion_outputs())
        if not self.target.labels:
            return torch.tensor(float("nan"))
        return 1 - accuracy(*self.outputs(1))

    def criterion(self, score: float | Tensor) -> Tensor:
        """ε_S + max(0, d_A)/2, which needs no target labels.

        ε_S is the error on the source's test set and d_A the proxy A-distance of the features. Up to a constant, their sum bounds the error
        on the target. S. Ben-David et al., "A theory of learning from different domains", Machine Learning 79, 2010.
        """
        outputs = self.criterion_outputs()
        distance = proxy_a_distance(outputs.trained_features, outputs.target_features)
        return 1 - accuracy(*self.outputs(0)) + distance.clamp(min=0) / 2

    @property
    def scores(self) -> tuple[str, ...]:
        return tuple(criteria())

    @classmethod
    def criteria(cls) -> Sequence[Criterion]:
        """Criteria without target labels, and the target's accuracy as the oracle."""
        blind = [Criterion(name, criterion.higher_is_better) for name, criterion in criteria().items()]
        return [*blind, Criterion("target-accuracy", uses_oracle=True)]

    def metrics(self) -> dict[str, float | Tensor]:
        """Every criterion without target labels, the proxy A-distance of the features, the shift of common statistics of batch
        normalisation (see `arena.games.adaptation.statistics_shift`), and, if the target has labels, accuracy, cross-entropy and
        calibration error on its test examples of the source's classes."""
        outputs = self.criterion_outputs()
        values: dict[str, float | Tensor] = {name: criterion.value(outputs) for name, criterion in criteria().items()}
        values["proxy-a-distance"] = proxy_a_distance(outputs.trained_features, outputs.target_features)
        if self.adapts and not self._kept_apart and (shift := self._statistics_shift()) is not None:
            values["statistics-shift"] = shift
        if self.target.labels:
            values |= {name.replace("_", "-"): value for name, value in self.of_target(*self.outputs(1)).items()}
        return values

    def _statistics_shift(self) -> Tensor | None:
        """Return how far apart the domains are in the inputs of the features' batch normalisation; None without any."""
        like = next(self.parameters())
        rng = lambda: torch.Generator(device=like.device).manual_seed(1)  # noqa: E731
        drawn = [domain.draw(self.looked_at, rng(), self.angle, self.noise, dtype=like.dtype)[0] for domain in (self.source, self.target)]
        with evaluating(self.players):
            return statistics_shift(self.classifier.features, *(x.to(like) for x in drawn))

    def criterion_outputs(self) -> Outputs:
        """Outputs for criteria: on `looked_at` fixed examples of the source's two parts, and of the target without labels."""
        like = next(self.parameters())
        drawn = [
            domain.draw(self.looked_at, torch.Generator(device=like.device).manual_seed(seed), self.angle, self.noise, part, like.dtype)
            for seed, (domain, part) in enumerate([(self.source, "test"), (self.source, "train"), (self.target, "train")])
        ]
        with evaluating(self.players):
            features = [self.features_of(x.to(like), which) for which, (x, _) in zip((0, 0, 1), drawn, strict=True)]
            logits = [self.label(features[0]), self.label(features[2])]
        held_out, trained, target = (f.flatten(1) for f in features)
        return Outputs(held_out, logits[0], drawn[0][1], trained, target, logits[1])

    def outputs(self, which: int) -> tuple[Tensor, Tensor]:
        """Return logits and classes of a domain's test set, without unknown ones: 0 for the source, 1 for the target."""
        like = next(self.parameters())
        domain = (self.source, self.target.known)[which]
        held_out = domain.held_out(self.angle, self.noise, dtype=like.dtype)
        with evaluating(self.players):
            parts = [(self.label(self.features_of(x.to(like), which)), y) for x, y in held_out]
        return torch.cat([logits for logits, _ in parts]), torch.cat([y for _, y in parts])

    @classmethod
    def comparison(cls, variants: Sequence[VariantResult]) -> ResultTable | None:
        """The table of the literature, if the regime varies."""
        return adaptation_table.table(variants, next((e.id for e in entries("game").values() if e.target is cls), cls.__name__))

    # Pictures ---------------------------------------------------------------------------------------------------------------

    def picture(self) -> Any:
        """For points of two classes, both domains on the classifier's surface; else features of 400 examples each along two principal
        axes."""
        from arena.games.adaptation import pictures as domain_pictures

        if not self.source.in_plane:
            return domain_pictures.clouds(*self._clouds(400), self.fixed)
        like = next(self.parameters())
        (source, labels_N), (target, others_N) = (next(d.held_out(self.angle, self.noise, 400)) for d in (self.source, self.target))
        with torch.no_grad(), evaluating(self.players):
            surface = lambda points: self.label(self.features_of(points.to(like), 1)).softmax(1)[:, 1]  # noqa: E731
            source, target, labels_N, others_N = (t[:400].cpu() for t in (source, target, labels_N, others_N))
            return domain_pictures.boundary(source, target, labels_N, others_N, surface)

    def pictures(self, *, last: bool) -> Mapping[str, Any]:
        """For points, their features; at the end of a run also t-SNE of the features, and the classifier's confidence
        on the target with its costliest predictions."""
        from arena.games.adaptation import confidence_pictures
        from arena.games.adaptation import pictures as domain_pictures

        figures = {} if not self.source.in_plane else {"features": domain_pictures.clouds(*self._clouds(400), self.fixed)}
        if last:
            figures["embedding"] = domain_pictures.embedding(*self._clouds(self.embedded))
            if self.target.labels:
                examples = torch.cat([x for x, _ in self.target.known.held_out(self.angle, self.noise)])
                figures["confidence"] = confidence_pictures.confidence(*self.outputs(1), domains.drawable(examples))
        return figures

    def features(self) -> tuple[Tensor, Mapping[str, Sequence[object]]]:
        """Features of 400 test examples of each domain, with domain and class."""
        source, target, labels_N, others_N = self._clouds(400)
        classes = [*labels_N.tolist(), *(["unknown"] * len(target) if others_N is None else others_N.tolist())]
        domains_N = ["source"] * len(source) + ["target"] * len(target)
        return torch.cat([source, target]).flatten(1), {"domain": domains_N, "class": classes}

    def trace_pictures(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Labels and domains during a run."""
        from arena.games.adaptation import trace_pictures as adaptation_traces

        return {"adaptation": adaptation_traces.traces(rows)}

    def _clouds(self, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Return features of the first n test examples of both domains, and their labels."""
        like = next(self.parameters())
        (source, labels_N), (target, others_N) = (next(d.held_out(self.angle, self.noise, n)) for d in (self.source, self.target))
        with torch.no_grad(), evaluating(self.players):
            features = [self.features_of(x[:n].to(like), which) for which, x in enumerate((source, target))]
        return features[0], features[1], labels_N[:n], others_N[:n] if self.target.labels else None


def if_coupled(coupling: float | Tensor, loss: Tensor) -> Tensor:
    """Return the loss if λ > 0, else 0 with gradient 0."""
    return (coupling > 0) * loss if isinstance(coupling, Tensor) else loss if coupling > 0 else 0 * loss


def accuracy(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Return the share of the examples of known classes whose largest logit is that of their class.

    Example:
        >>> float(accuracy(torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1, domains.images.UNKNOWN])))
        0.5
    """
    return (logits_NK.argmax(1) == labels_N).to(logits_NK).sum() / (labels_N >= 0).sum()


def part_of(player: nn.Module, name: str, role: str = "extractor") -> nn.Module:
    """Return a child that a player of the role must have; raise SlotMismatch if there is none of that name."""
    part = getattr(player, name, None)
    if not isinstance(part, nn.Module):
        two = role == "extractor"
        names = "'features' and 'label'" if two else "'features', 'label' and 'generator'"
        fix = "wrap its two halves in arena.players.TwoParts(features, label)" if two else "give it modules of these names"
        raise SlotMismatch(f"{role}: the role needs the children {names}, but {type(player).__name__} has no '{name}'; {fix}")
    return part
