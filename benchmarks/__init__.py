"""Benchmarks: the arena against hand-written loops, and reproductions of published tables. `make bench` prints the first table."""

import platform
import sys
from pathlib import Path
from types import TracebackType

from arena.errors import ArenaError


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def show_help(text: str | None) -> None:
    """Print the documentation of a benchmark and exit, if `--help` or `-h` was typed."""
    if not {"-h", "--help"}.isdisjoint(sys.argv[1:]):
        print((text or "").strip())
        sys.exit(0)


def _print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error of the arena, such as missing data, without a traceback."""
    if isinstance(error, ArenaError):
        print(f"benchmarks: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _print_error
