"""Alarms: failures of two-player games, detected in the trace while it is written. One file each; a new file here is found."""

import importlib
import pkgutil

from arena.alarms.base import Alarm, TraceView

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["Alarm", "TraceView"]
