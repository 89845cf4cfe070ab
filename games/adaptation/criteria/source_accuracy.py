"""Accuracy on held-out source examples: the criterion of most papers, which is independent of the target."""

from torch import Tensor

from arena.games.adaptation.criteria.base import Criterion, Outputs


class SourceAccuracy(Criterion):
    """The accuracy on held-out source examples; higher is better."""

    def value(self, outputs: Outputs) -> Tensor:
        return (outputs.source_logits.argmax(1) == outputs.source_labels).to(outputs.source_logits).mean()
