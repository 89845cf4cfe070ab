"""The settings of a run that belong to no component: one class per dotted prefix."""

import functools
from dataclasses import dataclass
from typing import ClassVar, Literal

from arena.core.measures import Definitions
from arena.errors import BadSetting, UnknownName, check_number
from arena.registry.construct import construct_all
from arena.registry.grammar import split


@dataclass(frozen=True)
class RunOptions:
    """The run.

    Args:
        turns: Turn budget; schedules run over the budget.
        seed: Seed of the players, the data, the noise and dropout; a run is a pure function of its configuration and seed.
        device: Device: auto (a GPU if there is one), cpu, cuda or cuda:1.
        dtype: Floating-point precision of players and batches.
        threads: CPU threads of torch; 1 is fastest for small nets, 0 keeps torch's own number.
        compile: Play compiled code: with true the losses and gradients, with xla blocks of turns as one program (`pip install
            'two-player-arena[xla]'`). The first turns take some seconds; it pays for small nets and populations of them.
        cuda_graphs: On a GPU, record each kind of turn once as a CUDA graph and replay the graph.
        metric: Metric that is the game's score, turned so that lower is better; by default the game's own score.
        until_solved: End the run when the score reaches the game's goal, if the game has one; otherwise play all turns.
        micro_batches: Equal parts into which a batch is split along the first axis. They are evaluated one after the other, so that the
            activations of one part are in memory, and their fields are averaged. For losses that are means over examples the field is
            the same; batch normalisation and dropout see the parts. Under torchrun each process takes this many parts.
        autocast: With bfloat16, losses run under torch.autocast; parameters, gradients and optimizers stay float32.
        tf32: On a GPU, compute float32 products and convolutions in TF32; otherwise both are in full float32.
        channels_last: Keep the players' convolutions and four-dimensional batches in torch.channels_last, the format of tensor cores.
        begin_from: Run folder, with @TURN or @best if wanted, whose optimizer states and rule memory the run begins with where they fit;
            `arena play GAME --from RUN` sets it, and the weights of both players.
        trackers: Trackers beside the trace and TensorBoard, by name with or without arguments, such as mlflow,wandb(project=mine);
            `arena list trackers` lists them.
    """

    turns: int = 1000
    seed: int = 0
    device: str = "auto"
    dtype: Literal["float32", "float64"] = "float32"
    threads: int = 1
    compile: Literal[False, True, "xla"] = False
    cuda_graphs: bool = False
    metric: str = ""
    until_solved: bool = True
    micro_batches: int = 1
    autocast: Literal["none", "bfloat16"] = "none"
    tf32: bool = False
    channels_last: bool = False
    begin_from: str = ""
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_number("turns", self.turns, least=1, whole=True)
        check_number("seed", self.seed, least=0, whole=True)
        check_number("threads", self.threads, least=0, most=4096, whole=True)
        check_number("micro_batches", self.micro_batches, least=1, whole=True)
        object.__setattr__(self, "trackers", _checked("tracker", self.trackers))
        if self.autocast != "none" and self.dtype != "float32":
            raise BadSetting("autocast", self.autocast, f"none where dtype is {self.dtype}, which is never cast")


@dataclass(frozen=True)
class _Periodic:
    """Options of an action every few turns.

    Args:
        every: Turns from one to the next; 0 for only the start and the end of the run.
    """

    every: int = 0
    _least: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_number("every", self.every, least=self._least, whole=True)


@dataclass(frozen=True)
class TraceOptions(_Periodic):
    """The trace.

    Args:
        every: Turns between rows of the trace.
        tensorboard: Also write TensorBoard events.
        histograms: Also write the distributions of each player's weights and gradients to TensorBoard, whenever the score is evaluated.
            Each time costs one gradient evaluation for each player, which the counts of the run leave out, and 1 kB for each tensor.
    """

    every: int = 100
    tensorboard: bool = True
    histograms: bool = False
    _least: ClassVar[int] = 1


@dataclass(frozen=True)
class ScoreOptions(_Periodic):
    """Evaluations of the game's score."""

    every: int = 500


@dataclass(frozen=True)
class MetricsOptions(Definitions, _Periodic):
    """Evaluations of the game's metrics."""

    every: int = 2000

    def __post_init__(self) -> None:
        _Periodic.__post_init__(self)
        check_number("radius", self.radius, above=0)
        check_number("covered", self.covered, least=0, most=1)


@dataclass(frozen=True)
class PictureOptions(_Periodic):
    """Pictures of the game.

    Args:
        every: Turns from one to the next; 0 for only the end of the run.
    """

    every: int = 2000


@dataclass(frozen=True)
class CheckpointOptions(_Periodic):
    """Checkpoints of the run.

    Args:
        keep: Number of latest checkpoints to keep, beside the best.
        best: Also save at the lowest score so far: as `best`, or as `oracle` if the score uses target labels.
    """

    every: int = 1000
    keep: int = 3
    best: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("keep", self.keep, least=1, whole=True)


@dataclass(frozen=True)
class DiagnosticsOptions(_Periodic):
    """Diagnostics; `arena list diagnostics` lists them.

    Args:
        every: Turns between measurements; 0 for those of the score. Diagnostics are also measured and drawn with each picture.
        names: Diagnostics by name, with or without arguments, such as spectrum(mode=arnoldi,top=8),rotation.
    """

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "names", _checked("diagnostic", self.names))


@dataclass(frozen=True)
class AlarmsOptions:
    """Alarms; `arena list alarms` lists them.

    Args:
        names: Alarms by name, with or without arguments, such as stall(share=0.5),collapse; or all, or none.
        stop: Alarms that end the run when they are raised.
    """

    names: tuple[str, ...] = ("all",)
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", _checked("alarm", self.names or ("none",)))
        watched = construct_all("alarm", self.names) if self.stop else {}
        for name in self.stop:
            if name not in watched:
                raise UnknownName("alarm in alarms.stop", name, watched)


@functools.cache
def _checked(kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the single words; raise if one cannot be built."""
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
