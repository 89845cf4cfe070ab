"""What games of domain adaptation share: two domains, a classifier in two parts, and what is measured of it on the target.

A subclass says who plays and what they lose. One of its players, or a part of one, is the classifier: a module with the children `features`
and `label`, y(f(x)). Target labels are used to measure, and never to train (but where `regime` says so).

Shapes: N = batch, F = features, K = classes.
"""

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from arena import Game, Rng, Slot
from arena.core.measures import Criterion
from arena.core.result_table import OwnTable, Variant
from arena.errors import ArenaWarning, BadSetting, SlotMismatch, check_choice, check_number
from arena.games.adaptation import table as adaptation_table
from arena.games.adaptation.calibration import calibration_error
from arena.games.adaptation.criteria import Outputs, criteria
from arena.games.adaptation.domain_divergence import proxy_a_distance
from arena.games.data import domains
from arena.games.data.domains import Domain
from arena.players.base import evaluating
from arena.players.domain_norm import per_domain, use
from arena.registry.entries import entries

BatchOfBoth = tuple[Tensor, ...]
"""Source examples and labels, target examples and labels; and what else a game draws."""


class Adaptation(Game):
    """A classifier of labelled source examples that is to work on unlabelled target examples.

    The score is the share of the target's test set that is classified wrongly: it looks at target labels, so it may be reported but not
    be trained or chosen by.

    Class attributes:
        regimes: what `regime` may be.
        looked_at: examples of each kind that criteria and the proxy A-distance look at.
        embedded: examples of each domain in the picture of t-SNE.

    Args:
        pair: source and target.
        regime: one of `regimes`.
        batch: examples drawn per turn, of each domain.
        angle: by which rotated points are turned, in degrees.
        noise: standard deviation of points.
        players: by role.
    """

    regimes: ClassVar[Sequence[str]] = ("source-only", "adapt", "target-only")
    looked_at: ClassVar[int] = 500
    embedded: ClassVar[int] = 250
    animated: ClassVar[bool] = True
    peeks = True
    _kept_apart = False

    def __init__(self, pair: tuple[Domain, Domain], regime: str, batch: int, angle: float, noise: float, **players: nn.Module | Slot):
        self.check_batch(batch, *pair)
        super().__init__(**players)
        self.source, self.target = pair
        self.regime, self.batch, self.angle, self.noise = regime, batch, angle, noise

    @classmethod
    def domains(cls, source: str, target: str, form: str, regime: str) -> tuple[Domain, Domain]:
        """The two domains, checked against the regime.

        Raises:
            UnknownName: for an unknown domain, form or regime.
            BadSetting: for domains that do not go together, or lack labels that are learnt from.
        """
        check_choice("regime", regime, cls.regimes)
        first, second = domains.pair(source, target, form)
        if regime == "target-only" and not second.labels:
            raise domains.without_labels("target", target, "regime target-only")
        if not second.labels:
            warnings.warn(
                f"the target {target} has no labels: its accuracy, cross-entropy, calibration and the score are absent",
                ArenaWarning,
                stacklevel=3,
            )
        return first, second

    @staticmethod
    def check_batch(batch: int, *pair: Domain) -> None:
        """Refuse a batch that a domain of images cannot fill without drawing one twice.

        Raises:
            BadSetting: naming the domain and how many images it has to train on.
        """
        for domain in pair:
            if domain.count is not None and batch > domain.count:
                raise BadSetting("batch", batch, f"at most {domain.count}, the images of {domain.name} to train on")

    @staticmethod
    def check_numbers(batch: int, angle: float, noise: float) -> None:
        """Refuse numbers out of their range."""
        check_number("batch", batch, least=1, whole=True)
        check_number("angle", angle)
        check_number("noise", noise, least=0)

    def sample(self, rng: Rng) -> BatchOfBoth:
        of_source = self.source.draw(self.batch, rng, self.angle, self.noise)
        return (*of_source, *self.target.draw(self.batch, rng, self.angle, self.noise))

    # The classifier ---------------------------------------------------------------------------------------------------------

    @property
    def classifier(self) -> Any:
        """The module whose children are `features` and `label`."""
        raise TypeError(f"{type(self).__name__} must say which of its modules is the classifier: def classifier(self)")

    @property
    def adapts(self) -> bool:
        """Whether both domains are learnt from."""
        return self.regime not in ("source-only", "target-only")

    def keep_apart(self) -> None:
        """Give the batch normalisation of the classifier's features statistics for each domain."""
        per_domain(self.classifier.features)
        self._kept_apart = True

    def features_of(self, x: Tensor, which: int) -> Tensor:
        """Features of examples of one domain: 0 the source, 1 the target.

        Who learns from one domain alone has that one's statistics for both: others would be those of an untrained net.
        """
        with use(which if self.adapts else 0, self.classifier) if self._kept_apart else contextlib.nullcontext():
            return self.classifier.features(x)

    def label(self, features_NF: Tensor) -> Tensor:
        """Logits of the classes."""
        return self.classifier.label(features_NF)

    def supervised(self, batch: BatchOfBoth) -> Tensor:
        """Cross-entropy on the one domain whose labels are trained on."""
        which = int(self.regime == "target-only")
        return cross_entropy(self.label(self.features_of(batch[2 * which], which)), batch[2 * which + 1])

    # What is measured -------------------------------------------------------------------------------------------------------

    def of_target(self, logits_NK: Tensor, labels_N: Tensor) -> dict[str, Tensor]:
        """Accuracy, cross-entropy and calibration error, which may part: a few confidently wrong guesses make the cross-entropy
        explode while the accuracy rises."""
        return {
            "target_accuracy": accuracy(logits_NK, labels_N),
            "target_cross_entropy": cross_entropy(logits_NK, labels_N),
            "calibration_error": calibration_error(logits_NK, labels_N),
        }

    def score(self) -> Tensor:
        """Error on the target's test set, or the criterion chosen instead; not a number where the target has no labels."""
        if self.evaluation.metric:
            return criteria()[self.evaluation.metric].score(self.looks())
        if not self.target.labels:
            return torch.tensor(float("nan"))
        return 1 - accuracy(*self.outputs(1))

    def criterion(self, score: float | Tensor) -> Tensor:
        """ε_S + max(0, d_A)/2, for which no label of the target is needed.

        ε_S is the error on the source's test set and d_A the proxy A-distance of the features. Up to a constant, their sum bounds the error
        on the target. S. Ben-David et al., "A theory of learning from different domains", Machine Learning 79, 2010.
        """
        looks = self.looks()
        distance = proxy_a_distance(looks.trained_features, looks.target_features)
        return 1 - accuracy(*self.outputs(0)) + distance.clamp(min=0) / 2

    @property
    def scores(self) -> tuple[str, ...]:
        return tuple(criteria())

    @classmethod
    def criteria(cls) -> Sequence[Criterion]:
        """Those that look at no label of the target, and the target's accuracy, which peeks."""
        blind = [Criterion(name, criterion.higher_is_better) for name, criterion in criteria().items()]
        return [*blind, Criterion("target-accuracy", peeks=True)]

    def metrics(self) -> dict[str, float | Tensor]:
        """Every criterion that chooses without target labels, the proxy A-distance of the features, and of the target's whole test set,
        where it has labels, accuracy, cross-entropy and calibration error."""
        looks = self.looks()
        found: dict[str, float | Tensor] = {name: criterion.value(looks) for name, criterion in criteria().items()}
        found["proxy-a-distance"] = proxy_a_distance(looks.trained_features, looks.target_features)
        if self.target.labels:
            found |= {name.replace("_", "-"): value for name, value in self.of_target(*self.outputs(1)).items()}
        return found

    def looks(self) -> Outputs:
        """What a criterion may look at: `looked_at` fixed examples of the source's two parts, and of the target without labels."""
        like = next(self.parameters())
        drawn = [
            domain.draw(self.looked_at, torch.Generator(device=torch.empty(0).device).manual_seed(seed), self.angle, self.noise, part)
            for seed, (domain, part) in enumerate([(self.source, "test"), (self.source, "train"), (self.target, "train")])
        ]
        with evaluating(self.players):
            features = [self.features_of(x.to(like), which) for which, (x, _) in zip((0, 0, 1), drawn, strict=True)]
            logits = [self.label(features[0]), self.label(features[2])]
        held_out, trained, target = (f.flatten(1) for f in features)
        return Outputs(held_out, logits[0], drawn[0][1], trained, target, logits[1])

    def outputs(self, which: int) -> tuple[Tensor, Tensor]:
        """Logits and labels of a domain's whole test set.

        Args:
            which: 0 the source, 1 the target.
        """
        like = next(self.parameters())
        domain = (self.source, self.target)[which]
        with evaluating(self.players):
            parts = [(self.label(self.features_of(x.to(like), which)), y) for x, y in domain.held_out(self.angle, self.noise)]
        return torch.cat([logits for logits, _ in parts]), torch.cat([y for _, y in parts])

    @classmethod
    def comparison(cls, variants: Sequence[Variant]) -> OwnTable | None:
        """The table of the literature, where the regime varies."""
        return adaptation_table.table(variants, next((e.id for e in entries("game").values() if e.target is cls), cls.__name__))

    # Pictures ---------------------------------------------------------------------------------------------------------------

    def picture(self) -> Any:
        """Of points, both domains on the classifier's surface; of images, features of 400 examples of each along their two main axes."""
        from arena.games.adaptation import pictures as domain_pictures

        if self.source.form:
            return domain_pictures.clouds(*self._clouds(400))
        like = next(self.parameters())
        (source, labels_N), (target, others_N) = (next(d.held_out(self.angle, self.noise, 400)) for d in (self.source, self.target))
        with torch.no_grad(), evaluating(self.players):
            surface = lambda points: self.label(self.features_of(points.to(like), 1)).softmax(1)[:, 1]  # noqa: E731
            source, target, labels_N, others_N = (t[:400].cpu() for t in (source, target, labels_N, others_N))
            return domain_pictures.boundary(source, target, labels_N, others_N, surface)

    def pictures(self, *, last: bool) -> Mapping[str, Any]:
        """Of points, their features as well; and at the end of a run the features by t-SNE, and how sure the classifier is of its guesses
        on the target, with those that cost most."""
        from arena.games.adaptation import confidence_pictures
        from arena.games.adaptation import pictures as domain_pictures

        found = {} if self.source.form else {"features": domain_pictures.clouds(*self._clouds(400))}
        if last:
            found["embedding"] = domain_pictures.embedding(*self._clouds(self.embedded))
            if self.target.labels:
                examples = torch.cat([x for x, _ in self.target.held_out(self.angle, self.noise)])
                found["confidence"] = confidence_pictures.confidence(*self.outputs(1), examples)
        return found

    def trace_pictures(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """What became of labels and domains in the course of a run."""
        from arena.games.adaptation import trace_pictures as adaptation_traces

        return {"adaptation": adaptation_traces.traces(rows)}

    def _clouds(self, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Features of the first n test examples of both domains, and their labels."""
        like = next(self.parameters())
        (source, labels_N), (target, others_N) = (next(d.held_out(self.angle, self.noise, n)) for d in (self.source, self.target))
        with torch.no_grad(), evaluating(self.players):
            features = [self.features_of(x[:n].to(like), which) for which, x in enumerate((source, target))]
        return features[0], features[1], labels_N[:n], others_N[:n] if self.target.labels else None


def where_felt(coupling: float | Tensor, loss: Tensor) -> Tensor:
    """The loss where λ > 0, else 0 with gradient 0."""
    return (coupling > 0) * loss if isinstance(coupling, Tensor) else loss if coupling > 0 else 0 * loss


def accuracy(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """The share of examples whose largest logit is that of their label."""
    return (logits_NK.argmax(1) == labels_N).to(logits_NK).mean()


def part_of(player: nn.Module, name: str, role: str = "extractor") -> nn.Module:
    """A child of a player that its role must have.

    Raises:
        SlotMismatch: where it has none of that name.
    """
    part = getattr(player, name, None)
    if not isinstance(part, nn.Module):
        two = role == "extractor"
        names = "'features' and 'label'" if two else "'features', 'label' and 'generator'"
        mend = "wrap its two halves in players.TwoParts(features, label)" if two else "give it modules of these names"
        raise SlotMismatch(f"{role}: the role needs the children {names}, but {type(player).__name__} has no '{name}'; {mend}")
    return part
