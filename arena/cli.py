"""The command line: `arena COMMAND …`. Commands come from the entry-point group `arena.commands`, so that any package can add one.

Exit codes: 0 done, 1 a run that failed or diverged, 2 input that cannot be used, 130 interrupted.
"""

import atexit
import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from arena.errors import ArenaError, ArenaWarning, UnknownName
from arena.registry.trust import only
from arena.runs.encoding import show_in_any_encoding
from arena.runs.index import keep
from arena.runs.signals import signals_interrupt
from arena.runs.usage import show_usage

INTERRUPTED = 130
HELP = """\
usage: arena COMMAND [OPTIONS]

A laboratory for two-player optimisation.

commands:
{commands}

options:
  --trust        import code that a configuration or a folder of somebody else names
  -h, --help     show this help and exit
  -V, --version  show the version and exit

More help: arena play --help, arena play swiss-roll --help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; errors become one sentence on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    show_in_any_encoding()
    if "MPLBACKEND" in os.environ:
        os.environ["MPLBACKEND"] = "agg"  # pictures are drawn without a display, and an unknown backend would be an error
    warnings.formatwarning = _format_warning
    try:
        commands = {point.name: point for point in sorted(entry_points(group="arena.commands"), key=lambda p: p.name)}
        if not words or words[0] in ("-h", "--help"):
            show_usage(_help(commands))
            return 0
        if words[0] in ("-V", "--version"):
            from arena import __version__

            print(f"arena {__version__}")
            return 0
        if words[0] not in commands:
            raise UnknownName("command", words[0], commands)
        if _process() and words[0] not in ("play", "resume"):
            raise ArenaError(f"arena {words[0]} runs in one process. Only play and resume can be started by torchrun")
        trusts = "--trust" in words
        with signals_interrupt(), only(None if trusts else words):
            code = int(commands[words[0]].load()([word for word in words[1:] if word != "--trust"]))
        if code == INTERRUPTED and arguments is None and not _process():
            _leave(code)
        return code
    except KeyboardInterrupt:
        print("arena: stopped. What was saved before stays", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has ended
        sys.stderr.close()
        return 0
    except Exception as error:
        return _told(error)
    finally:
        if not _process():
            with contextlib.suppress(ArenaError, ImportError, MemoryError):  # of another package, or because memory has run out
                keep()


def _told(error: Exception) -> int:
    """Print an error in one sentence and return its exit code; raise it again if it is neither the project's own nor about memory."""
    try:
        known = _known(error)
        print(f"arena{_process()}: {known}", file=sys.stderr)
        return known.exit_code
    except MemoryError:
        os.write(2, b"arena: memory has run out\n")
        return 1


def _leave(code: int) -> None:
    """End the process without tearing the interpreter down. After Ctrl-C everything is saved, and tearing torch down takes seconds."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    atexit._run_exitfuncs()
    os._exit(code)


def _format_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None) -> str:
    """Return a warning as text: the sentence of the project's own warnings, and others with their place."""
    return f"arena: {message}\n" if issubclass(category, ArenaWarning) else f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _known(error: Exception) -> ArenaError:
    """Return the error to print; raise it again if it is neither the project's own nor about memory."""
    if isinstance(error, ArenaError):
        return error
    from arena.core.memory import out_of_memory, short_of_memory

    if not out_of_memory(error):
        raise error
    return short_of_memory(error, "memory has run out", "take a smaller batch, smaller players or fewer of them at once")


def _process() -> str:
    """Return the rank of this process as text if torchrun started several, otherwise nothing."""
    count = os.environ.get("WORLD_SIZE", "1") if "RANK" in os.environ else "1"
    return f" (process {os.environ['RANK']} of {count})" if count != "1" else ""


def _help(commands: dict[str, EntryPoint]) -> str:
    lines = [f"  {name:<10}{_summary(point)}" for name, point in commands.items()]
    return HELP.format(commands="\n".join(lines))


def _summary(point: EntryPoint) -> str:
    doc = importlib.import_module(point.module).__doc__ or ""
    return doc.strip().splitlines()[0] if doc.strip() else ""


if __name__ == "__main__":
    sys.exit(main())
