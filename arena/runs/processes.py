"""Worker processes: the signals that reach them, and their end with the process that started them."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from arena.runs.signals import NUMBERS

PRELOADED = ("arena.games", "arena.config.config", "arena.runs.play", "arena.engine.vector_env", "torch._dynamo")
"""Modules that the server of processes imports before it forks; torch imports the last one with its first optimizer, in a second."""

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""How workers start. Windows has no server of processes, so that each worker imports torch anew."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1  # macOS binds no process to cores


def start_worker(target: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Start a process that calls `target(pipe, *arguments)`; return it with this end of the pipe.

    The process is forked from a server that has imported torch (`METHOD`). Signals are held back until it calls
    `take_signals_from_parent`, so that Ctrl-C in a terminal never interrupts its imports.
    """
    start_server()
    context: Any = multiprocessing.get_context(METHOD)
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    with _signals_held_back():
        process.start()
    theirs.close()
    return process, ours


def start_server() -> None:
    """Start the server from which workers are forked, and return while it imports `PRELOADED`; if it runs already, do nothing.

    Whoever will need workers later starts it in time, so that they start at once.
    """
    if METHOD != "forkserver":
        return
    from multiprocessing import forkserver

    multiprocessing.get_context(METHOD).set_forkserver_preload([*PRELOADED])
    with _signals_held_back():
        forkserver.ensure_running()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Hold signals back within the block, and in the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_signals_from_parent() -> None:
    """In a new process: Ctrl-C in the terminal reaches the parent only; the process ends by SIGTERM, and when its parent has ended."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent stops the experiment
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
