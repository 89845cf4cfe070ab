"""The judge's accuracy on the test set: how far metrics that use the judge can be trusted. Independent of the generator."""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


class JudgeAccuracy(Metric):
    """The judge's accuracy on the test set."""

    needs = "judge"
    best = None
    compares = False

    def value(self, samples: Samples) -> Tensor:
        assert samples.judge is not None
        return samples.judge.shares.new_tensor(samples.judge.accuracy)
