"""How often the judge is right on the test set of its data: what the metrics that ask it are worth. It says nothing of the generator."""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


class JudgeAccuracy(Metric):
    """The judge's own share of right answers on the test set."""

    needs = "judge"
    best = None
    compares = False

    def value(self, samples: Samples) -> Tensor:
        assert samples.judge is not None
        return samples.judge.shares.new_tensor(samples.judge.accuracy)
