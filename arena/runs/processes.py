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

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PRELOADED = ("arena.games", "arena.config.config", "arena.runs.play", "arena.engine.vector_env")
"""Modules that the server of processes imports before it forks."""


@contextlib.contextmanager
def stopped_by(handle: Callable[[int, Any], None]) -> Iterator[None]:
    """Let `handle` handle Ctrl-C, SIGTERM and a lost connection within the block, in the main thread, which alone can handle signals.

    SIGHUP stays ignored if it is, as under `nohup`.
    """
    before = {}
    try:
        for number in NUMBERS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signals_interrupt() -> contextlib.AbstractContextManager[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt within the block, as Ctrl-C does."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    return stopped_by(interrupt)


def start_worker(target: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Start a process that calls `target(pipe, *arguments)`; return it with this end of the pipe.

    The process is forked from a server that has imported torch. Signals are held back until it calls `take_signals_from_parent`, so that
    Ctrl-C in a terminal never interrupts its imports.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return process, ours


def take_signals_from_parent() -> None:
    """In a new process: Ctrl-C in the terminal reaches the parent only; the process ends by SIGTERM, and when its parent has ended."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent stops the experiment
    signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
