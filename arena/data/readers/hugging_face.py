"""A Hugging Face data set on disk, as `save_to_disk` writes it, with its splits. Needs the package datasets.

Images are decoded from the bytes in the data set; a place elsewhere, on this machine or in the network, is never opened. Arrow files hold
no code, and no loading script is run.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arena.data.columns import Columns
from arena.data.part import AT_ONCE, Block, Part
from arena.errors import DataDamaged, cause
from arena.registry.plug_ins import installed


def fits(source: object) -> bool:
    if isinstance(source, Path):
        return (source / "dataset_dict.json").is_file() or (source / "state.json").is_file()
    return type(source).__module__.partition(".")[0] == "datasets"


def parts(source: Any) -> dict[str, Part]:
    what = str(source) if isinstance(source, Path) else f"the {type(source).__name__}"
    with installed("a Hugging Face data set", "data"):
        import datasets
    try:
        loaded = datasets.load_from_disk(str(source)) if isinstance(source, Path) else source
    except Exception as error:  # damaged files raise errors of many classes
        raise DataDamaged(f"{what} is damaged ({cause(error)[:120]}). Fix: save it again with save_to_disk") from error
    if not hasattr(loaded, "items"):
        return {"": _part(loaded, what)}
    return {name.lower(): _part(part, what) for name, part in loaded.items()}


def _part(part: Any, what: str) -> Part:
    import datasets

    if not hasattr(part, "__len__"):
        raise DataDamaged(f"{what} has no length ({type(part).__name__}). Expected a data set on disk. Fix: write it with save_to_disk")
    part = part.with_format(None)
    names = {name: feature.names for name, feature in part.features.items() if isinstance(feature, datasets.ClassLabel)}
    for name, feature in part.features.items():
        if isinstance(feature, datasets.Image):
            part = part.cast_column(name, datasets.Image(decode=False))

    def blocks() -> Iterator[Block]:
        columns, first = None, 0
        try:
            for record in part.iter(batch_size=AT_ONCE):
                columns = columns or Columns(record, what, names)
                yield columns.block(record, first)
                first += len(next(iter(record.values())))
        except (DataDamaged, GeneratorExit):
            raise
        except Exception as error:
            raise DataDamaged(f"{what} is damaged ({cause(error)[:120]}). Fix: save it again with save_to_disk") from error

    return Part(len(part), blocks)
