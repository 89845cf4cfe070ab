"""The connection to a Ray cluster, and the settings that Ray reads when it is imported."""

import logging
import os
from typing import Any

os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1")  # otherwise the last seconds of begun trials are lost with the driver
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # Ctrl-C ends the sweep at once; Tune would finish the trials in play first
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's default of 15 gives way to anything else on the machine
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import RayError

from arena.errors import ArenaError


def connect(address: str, workers: int, gpus: float) -> bool:
    """Connect to a cluster, or begin one on this machine; return whether it was begun here.

    Args:
        address: of a running cluster; empty begins one.
        workers: CPUs of a cluster that is begun here.
        gpus: that a job needs.

    Raises:
        ArenaError: if the cluster cannot be reached, or has fewer GPUs.
    """
    begun = not ray.is_initialized()
    if begun:
        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": True}
        try:
            if address:
                ray.init(address=address, **quiet)
            else:
                ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            raise ArenaError(f"Ray could not be reached ({first_line(error)}). {fix_of(error)}") from error
    there = ray.cluster_resources().get("GPU", 0)
    if gpus > there:
        if begun:
            ray.shutdown()
        raise ArenaError(f"--gpus {gpus:g} is asked for each trial, but the cluster has {there:g} GPUs; leave it out")
    return begun


def fix_of(error: BaseException | None) -> str:
    """Return the likeliest fix of a connection that failed. Ray reports a refused token as the cause of an error that does not mention it.

    Example:
        >>> refused = ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379")
        >>> fix_of(refused)
        'Fix: check --address, or leave it out'
        >>> refused.__cause__ = RuntimeError("Unauthenticated: RPC error: InvalidAuthToken")
        >>> fix_of(refused)
        'Fix: set RAY_AUTH_MODE=token and the RAY_AUTH_TOKEN of the cluster, as its nodes have them'
    """
    texts = list[str]()
    while error is not None:
        texts, error = [*texts, str(error).lower()], error.__cause__ or error.__context__
    if any(word in text for text in texts for word in ("authenticat", "unauthorized", "auth_token", "auth token")):
        return "Fix: set RAY_AUTH_MODE=token and the RAY_AUTH_TOKEN of the cluster, as its nodes have them"
    return "Fix: check --address, or leave it out"


def first_line(error: Any) -> str:
    """Return an error in one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]
