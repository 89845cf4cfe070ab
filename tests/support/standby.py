"""A standby of a new process: a fork that has done nothing yet, and that becomes the server from which this process forks its workers.

Without one, `multiprocessing` executes Python once more for that server, which spends seconds on imports. The standby has the modules,
and nothing that the process has loaded or registered since, as a server of its own would.
"""

import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import Sequence
from multiprocessing import util

from arena.runs.signals import NUMBERS


def keep_standby() -> None:
    """Fork the standby of this process; it ends with it."""
    ours, theirs = socket.socketpair()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)  # Ctrl-C in a terminal reaches it too
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            ours.close()
            _wait(theirs)
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    execute = util.spawnv_passfds

    def spawn(path: bytes, words: Sequence[str], passed: Sequence[int]) -> int:
        if "multiprocessing.forkserver" not in words[-1]:
            return execute(path, words, passed)
        util.spawnv_passfds = execute  # there is one standby
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        socket.send_fds(ours, [json.dumps([words[-1], *map(int, mask)]).encode()], passed)
        return pid

    util.spawnv_passfds = spawn


def _wait(pipe: socket.socket) -> None:
    """Wait for what the new process would have executed, and do it here; end if the process has ended."""
    data, (listener, alive), *_ = socket.recv_fds(pipe, 1 << 20, 2)
    pipe.close()
    command, *mask = json.loads(data)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    exec(re.sub(r"main\(\d+, \d+,", f"main({listener}, {alive},", command))
