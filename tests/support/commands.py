"""Commands `arena …` as real processes, forked from a server that has imported torch.

A fresh `python -m arena.cli` spends five seconds on imports, a forked one a tenth of a second; signals, kills, exit codes and files are
those of any process.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from arena.runs import processes
from tests.support.standby import keep_standby

ALSO = ("arena.cli", "arena.experiments.compare.play", "matplotlib.figure", "torch._dynamo")
"""Modules that most commands import, beside those that workers do."""

processes.PRELOADED = (*processes.PRELOADED, *ALSO)
"""A process has one server, for the workers of an experiment too, and the modules that are set last are those that it imports."""
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([*processes.PRELOADED])


def call(function: Callable[..., Any], *arguments: Any, folder: Path, within: float = 180) -> subprocess.CompletedProcess[str]:
    """Call a function in a process of its own; its return value is the exit code.

    Args:
        function: at the top of a module.
        arguments: picklable.
        folder: in which it runs.
        within: seconds after which it is killed.
    """
    with Process(function, *arguments, folder=folder) as process:
        return process.finish(within)


def arena(*words: str, folder: Path, prepare: Callable[[], None] | None = None, **environment: str) -> "Process":
    """Start `arena …`.

    Args:
        words: of the command line.
        folder: in which it runs.
        prepare: called in the new process before the command.
        environment: variables beside those of this process.
    """
    return Process(_arena, words, prepare, folder=folder, **environment)


class Process:
    """A forked process, with the methods of `subprocess.Popen` that tests need."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, folder: Path, **environment: str):
        self._streams = [os.memfd_create(name) for name in ("stdout", "stderr")]
        for stream in self._streams:
            weakref.finalize(self, os.close, stream)
        paths = [f"/proc/{os.getpid()}/fd/{stream}" for stream in self._streams]
        variables = {**os.environ, **environment}
        self._process = SERVER.Process(target=_run, args=(function, arguments, str(folder), variables, paths))
        self._process.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that killed it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        """Wait for its end; return the exit code.

        Raises:
            TimeoutExpired: if it runs on.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("arena", timeout, *self.output())
        return self._process.exitcode

    def communicate(self, timeout: float = 180) -> tuple[str, str]:
        """Wait for its end; return the text of stdout and stderr."""
        self.wait(timeout)
        return self.output()

    def output(self) -> tuple[str, str]:
        """Return the text of stdout and stderr so far."""
        output, errors = (os.pread(stream, 1 << 24, 0).decode(errors="replace") for stream in self._streams)
        return output, errors

    def finish(self, within: float = 180) -> subprocess.CompletedProcess[str]:
        """Wait for its end; return the exit code, stdout and stderr."""
        code = self.wait(within)
        return subprocess.CompletedProcess((), code, *self.output())

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def _run(function: Callable[..., Any], arguments: Any, folder: str, environment: dict[str, str], streams: list[str]) -> None:
    """In the new process: take over streams, folder and environment; call the function."""
    for number, stream in enumerate(streams, 1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdout, sys.stderr = (open(number, "w", encoding=encoding, buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    os.chdir(folder)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, processes.NUMBERS)  # a server that was started for workers holds them back
    keep_standby()
    sys.exit(function(*arguments))


def _arena(words: tuple[str, ...], prepare: Callable[[], None] | None) -> int:
    from arena.cli import main

    if prepare is not None:
        prepare()
    sys.argv = ["arena", *words]
    return main()
