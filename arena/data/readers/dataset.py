"""In Python: a torch.utils.data.Dataset or DataLoader, a pandas data frame, or any sequence of examples or of (example, label).

Of a DataLoader the data set, its subset of a SubsetRandomSampler, and the workers are used, these for the conversion. Batches are drawn by
the game from the run's own streams, so that a run resumes exactly; batch size, order, and the weights of a sampler are left out. Random
transforms are drawn once, during the conversion.
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.data.columns import Columns
from arena.data.part import AT_ONCE, Block, Part
from arena.errors import ArenaError, ArenaWarning, DataDamaged, cause


def fits(source: object) -> bool:
    if isinstance(source, (str, bytes, Path, dict)) or type(source).__module__.partition(".")[0] == "datasets":
        return False
    from torch.utils.data import DataLoader, IterableDataset

    arrays = hasattr(source, "__array__") and not hasattr(source, "columns")
    sequence = hasattr(source, "__getitem__") and hasattr(source, "__len__") and not isinstance(source, (list, tuple))
    return isinstance(source, (DataLoader, IterableDataset)) or (sequence and not arrays)


def parts(source: Any) -> dict[str, Part]:
    from torch.utils.data import DataLoader, IterableDataset, Subset

    if hasattr(source, "columns"):
        return {"": _of_frame(source)}
    workers, name = 0, type(source).__name__
    if isinstance(source, DataLoader):
        workers, sampler, source = source.num_workers, source.sampler, source.dataset
        kind = type(sampler).__name__
        if kind == "SubsetRandomSampler":
            source = Subset(source, list(sampler.indices))  # type: ignore[attr-defined]
        elif kind not in ("SequentialSampler", "RandomSampler", "_InfiniteConstantSampler"):
            warnings.warn(
                ArenaWarning(
                    f"the sampler of the {name}, {kind}, is left out: every example is drawn as often as any other, from the run's own "
                    "streams, so that the run resumes exactly"
                ),
                stacklevel=2,
            )
    if isinstance(source, IterableDataset) or not hasattr(source, "__len__"):
        raise ArenaError(
            f"the {type(source).__name__} has no length, so that no batch could be drawn again after a resume. Expected a data set with "
            "__len__ and __getitem__. Fix: store what it yields, such as in a list of a Dataset"
        )
    return {"": Part(len(source), lambda: _blocks(source, workers))}


def _blocks(source: Any, workers: int) -> Iterator[Block]:
    from torch.utils.data import DataLoader

    counted: Any = _Counted(source)
    loader: Any = DataLoader(counted, batch_size=AT_ONCE, num_workers=workers, collate_fn=list)
    first = 0
    try:
        for records in loader:
            yield _block(records, first, type(source).__name__)
            first += len(records)
    except (ArenaError, GeneratorExit):
        raise
    except Exception as error:  # of the user's own code
        raise DataDamaged(
            f"the {type(source).__name__} failed after example {first} ({cause(error)[:160]}). Fix: correct its __getitem__"
        ) from error


class _Counted:
    """A data set by index from 0 up to its length, as a DataLoader reads it, also if it is only a sequence."""

    def __init__(self, source: Any):
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Any:
        return self.source[index]


def _block(records: Sequence[Any], first: int, name: str) -> Block:
    if isinstance(records[0], dict):
        return Columns({key: [records[0][key]] for key in records[0]}, f"the {name}").block(
            {key: [record[key] for record in records] for key in records[0]}, first
        )
    labelled = isinstance(records[0], (tuple, list))
    if labelled and len(records[0]) not in (1, 2):
        raise DataDamaged(f"example {first} of the {name} has {len(records[0])} values. Expected an example, or (example, label)")
    examples = [record[0] for record in records] if labelled else list(records)
    labels = [record[1] for record in records] if labelled and len(records[0]) == 2 else None
    return _gathered(examples), labels


def _gathered(examples: list[Any]) -> Any:
    """Return examples as one array if they have one shape, else as a list of arrays and PIL images."""
    import numpy as np

    if hasattr(examples[0], "getbands"):
        return examples
    arrays = [np.asarray(e.detach().cpu() if hasattr(e, "detach") else e) for e in examples]
    return np.stack(arrays) if len({array.shape for array in arrays}) == 1 else arrays


def _of_frame(frame: Any) -> Part:
    def blocks() -> Iterator[Block]:
        columns = None
        for start in range(0, len(frame), AT_ONCE):
            some = frame.iloc[start : start + AT_ONCE]
            record = {str(name): some[name].tolist() for name in some.columns}
            columns = columns or Columns({str(name): frame[name].head(AT_ONCE).tolist() for name in frame.columns}, "the data frame")
            yield columns.block(record, start)

    return Part(len(frame), blocks)
