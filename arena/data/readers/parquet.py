"""A parquet file, or a folder of some with the same columns: numbers with a label, or images (as bytes) with a label. Needs pyarrow.

The columns are judged as those of a CSV file; images are encoded files, alone or as Hugging Face's {bytes, path}.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arena.data.columns import Columns
from arena.data.part import AT_ONCE, Block, Part
from arena.errors import DataDamaged, cause
from arena.registry.plug_ins import installed


def fits(source: object) -> bool:
    return isinstance(source, Path) and bool(_files(source))


def parts(source: Path) -> dict[str, Part]:
    files = _files(source)
    of: dict[str, list[Path]] = {}
    for file in files:  # as on Hugging Face's hub: train-00000-of-00002.parquet
        word = file.stem.lower().split("-")[0].split("_")[0]
        of.setdefault(word if len(files) > 1 and word in ("train", "test", "validation", "val") else "", []).append(file)
    return {name: _part(some, str(source)) for name, some in of.items()}


def _part(files: list[Path], what: str) -> Part:
    def blocks() -> Iterator[Block]:
        columns, first = None, 0
        for record in _records(files):
            columns = columns or Columns(record, what, _names(files[0]))
            count = len(next(iter(record.values())))
            yield columns.block(record, first)
            first += count

    with installed("a parquet file", "data"):
        import pyarrow.parquet
    try:
        count = sum(pyarrow.parquet.ParquetFile(file).metadata.num_rows for file in files)
    except Exception as error:  # errors of arrow have many classes
        raise DataDamaged(f"{what} is damaged ({cause(error)[:120]}). Expected a parquet file") from error
    return Part(count, blocks)


def _records(files: list[Path]) -> Iterator[dict[str, list[Any]]]:
    import pyarrow.parquet

    for file in files:
        try:
            batches = pyarrow.parquet.ParquetFile(file).iter_batches(AT_ONCE)
            for batch in batches:
                if batch.num_rows:
                    yield {name: column.to_pylist() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        except (DataDamaged, GeneratorExit):
            raise
        except Exception as error:
            raise DataDamaged(f"{file} is damaged ({cause(error)[:120]}). Expected a parquet file") from error


def _names(file: Path) -> dict[str, list[str]]:
    """Return the names of numbered classes by column, as Hugging Face stores them in the file."""
    import pyarrow.parquet

    names: dict[str, list[str]] = {}
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        features = json.loads(pyarrow.parquet.read_schema(file).metadata[b"huggingface"])["info"]["features"]
        names = {name: feature["names"] for name, feature in features.items() if feature.get("_type") == "ClassLabel"}
    return names


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        marked = any((source / mark).exists() for mark in ("arena-data.json", "dataset_dict.json", "state.json"))
        found = [] if marked else list(itertools.chain(source.glob("*.parquet"), source.glob("data/*.parquet")))
        return sorted(found)
    return [source] if source.suffix.lower() in (".parquet", ".pq") and source.is_file() else []
