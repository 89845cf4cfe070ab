"""The settings of a run that belong to no component: one small class per dotted prefix, documented where they are defined."""

import functools
from dataclasses import dataclass
from typing import ClassVar, Literal

from arena.errors import BadSetting, UnknownName, check_number
from arena.registry.construct import construct_all
from arena.registry.grammar import split


@dataclass(frozen=True)
class RunOptions:
    """The run itself.

    Args:
        turns: turn budget; schedules run over it.
        seed: seed of the initial players, the data, the noise and dropout; one run is a pure function of its config and seed.
        device: where to play: auto (a GPU where there is one), cpu, cuda or cuda:1.
        dtype: floating-point precision of players and batches.
        threads: CPU threads of torch; small nets are fastest with 1, and 0 leaves torch's own choice.
        compile: play compiled code, which pays for small nets and populations of them; the first turns compile for some seconds.
        cuda_graphs: on a GPU, record each kind of turn once as a CUDA graph and replay it.
        metric: name of the metric that is the game's score, always so that lower is better; the game's own score where none is given.
        until_solved: end the run where its score reaches the game's goal, if it has one; else all turns are played.
        micro_batches: equal parts into which a batch is split along the leading axis of its tensors; they are evaluated one after the
            other, so that only one's activations are in memory, and their fields averaged. Where losses are means over examples this is
            the same field; batch normalisation and dropout see the parts. Under torchrun each process takes this many parts.
        autocast: bfloat16 computes the game's losses under torch.autocast; parameters, gradients and optimizers stay float32.
        tf32: on a GPU, take float32 products and convolutions in TF32; off, they are in full float32, torch's own convolutions as well.
        channels_last: keep the players' convolutions and four-dimensional batches in torch.channels_last, which tensor cores want.
    """

    turns: int = 1000
    seed: int = 0
    device: str = "auto"
    dtype: Literal["float32", "float64"] = "float32"
    threads: int = 1
    compile: bool = False
    cuda_graphs: bool = False
    metric: str = ""
    until_solved: bool = True
    micro_batches: int = 1
    autocast: Literal["none", "bfloat16"] = "none"
    tf32: bool = False
    channels_last: bool = False

    def __post_init__(self) -> None:
        check_number("turns", self.turns, least=1, whole=True)
        check_number("seed", self.seed, least=0, whole=True)
        check_number("threads", self.threads, least=0, whole=True)
        check_number("micro_batches", self.micro_batches, least=1, whole=True)
        if self.autocast != "none" and self.dtype != "float32":
            raise BadSetting("autocast", self.autocast, f"none where dtype is {self.dtype}, which is never cast")


class _Periodic:
    """Options of something that happens every few turns."""

    every: int
    _least: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_number("every", self.every, least=self._least, whole=True)


@dataclass(frozen=True)
class TraceOptions(_Periodic):
    """What is recorded.

    Args:
        every: turns between rows of the trace.
        tensorboard: also write TensorBoard events.
    """

    every: int = 100
    tensorboard: bool = True
    _least: ClassVar[int] = 1


@dataclass(frozen=True)
class ScoreOptions(_Periodic):
    """When the game's score is measured.

    Args:
        every: turns between scores; 0 measures only at the beginning and the end.
    """

    every: int = 500


@dataclass(frozen=True)
class MetricsOptions(_Periodic):
    """The numbers beside the score, of games that have any.

    Args:
        every: turns between measurements; 0 measures only at the beginning and the end.
        radius: distance from a mode, in standard deviations of the data around it, within which an example belongs to the mode.
        region: ball: that distance is Euclidean; box: it is that along each axis.
        covered: share of the examples that a mode or a class needs to count as covered; with 0 a single one is enough.
    """

    every: int = 2000
    radius: float = 3.0
    region: Literal["ball", "box"] = "ball"
    covered: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("radius", self.radius, above=0)
        check_number("covered", self.covered, least=0, most=1)


@dataclass(frozen=True)
class PictureOptions(_Periodic):
    """When the game's picture is drawn.

    Args:
        every: turns between pictures; 0 draws only at the beginning and the end.
    """

    every: int = 2000


@dataclass(frozen=True)
class CheckpointOptions(_Periodic):
    """When the run's whole state is saved.

    Args:
        every: turns between checkpoints; 0 saves only at the beginning and the end.
        keep: how many of the latest are kept, beside the best.
        best: also save whenever the score is the lowest so far: as `best`, or as `oracle` by a score that may not be chosen by.
    """

    every: int = 1000
    keep: int = 3
    best: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("keep", self.keep, least=1, whole=True)


@dataclass(frozen=True)
class DiagnosticsOptions(_Periodic):
    """What is looked at more closely; `arena list diagnostics` names them all.

    Args:
        names: diagnostics by name, with or without arguments, such as spectrum(mode=arnoldi,top=8),rotation.
        every: turns between measurements; 0 measures whenever the score is. They are also taken, and drawn, with each picture.
    """

    names: tuple[str, ...] = ()
    every: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "names", _checked("diagnostic", self.names))


@dataclass(frozen=True)
class AlarmsOptions:
    """What is watched in the trace; `arena list alarms` names them all.

    Args:
        names: alarms by name, with or without arguments, such as stall(share=0.5),collapse; all are all of them, none is none.
        stop: alarms, by name, that end the run when they ring.
    """

    names: tuple[str, ...] = ("all",)
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", _checked("alarm", self.names or ("none",)))
        if self.stop:
            watched = construct_all("alarm", self.names)
            for name in self.stop:
                if name not in watched:
                    raise UnknownName("alarm in alarms.stop", name, watched)


@functools.cache
def _checked(kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that can all be built; commas inside brackets belong to the arguments of a name."""
    split_names = tuple(split(",".join(names))) if names else ()
    construct_all(kind, split_names)
    return split_names


GROUPS = {
    "trace": TraceOptions,
    "score": ScoreOptions,
    "metrics": MetricsOptions,
    "picture": PictureOptions,
    "checkpoint": CheckpointOptions,
    "diagnostics": DiagnosticsOptions,
    "alarms": AlarmsOptions,
}
