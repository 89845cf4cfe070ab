"""Accuracy on source examples that were not trained on: what most papers chose by, and what knows nothing of the target."""

from torch import Tensor

from arena.games.adaptation.criteria.base import Criterion, Outputs


class SourceAccuracy(Criterion):
    """The share of them that is classified rightly; higher is better."""

    def value(self, outputs: Outputs) -> Tensor:
        return (outputs.source_logits.argmax(1) == outputs.source_labels).to(outputs.source_logits).mean()
