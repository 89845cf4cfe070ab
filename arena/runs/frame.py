"""The rows of a run as a pandas frame."""

from pathlib import Path
from typing import TYPE_CHECKING

from arena.errors import ArenaError, typed
from arena.registry.plug_ins import installed
from arena.trace import read_trace

if TYPE_CHECKING:
    import pandas


def read(run: str | Path, kind: str = "turn") -> "pandas.DataFrame":
    """Return the rows of a run, one line for each turn that was recorded, one column for each number.

    Args:
        run: Run folder, also of a run under way, or its `trace.jsonl`.
        kind: `turn` for measurements, `alarm` for alarms, `end` for the last row; `arena.trace.FIELDS` explains the columns.

    Returns:
        A frame with the turn as its index; numbers that were not measured are missing.

    Raises:
        ArenaError: There is no trace, or pandas is not installed.

    Example:
        >>> import arena, tempfile
        >>> folder = tempfile.mkdtemp() + "/run"
        >>> _ = arena.play("bilinear", turns=20, out=folder, display=False, **{"trace.tensorboard": False, "trace.every": 10})
        >>> read(folder)["x.loss"].notna().tolist(), read(folder, "end")["status"].item()
        ([False, True, True], 'finished')
    """
    file = Path(run)
    file = file / "trace.jsonl" if file.is_dir() else file
    if not file.is_file():
        raise ArenaError(f"{file} does not exist. Expected a run folder. Fix: arena runs {typed(Path(run).parent)}")
    with installed("arena.read", "frames"):
        import pandas
    rows = [row for row in read_trace(file) if row["kind"] == kind]
    columns = dict.fromkeys(name for row in rows for name in row if name not in ("kind", "turn"))
    index = pandas.Index([row["turn"] for row in rows], name="turn")
    return pandas.DataFrame([{name: row.get(name) for name in columns} for row in rows], index=index, columns=[*columns])
