"""Alarms: failures of two-player games, detected in the trace while it is written. One file each; a new file here is found."""

from arena.alarms.base import Alarm, TraceView

__all__ = ["Alarm", "TraceView"]
