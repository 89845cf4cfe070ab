"""Trackers: receivers of what a run records, one file each; a new file here is found."""

from arena.trackers.base import Picture, Started, StopRun, Tracker

__all__ = ["Picture", "Started", "StopRun", "Tracker"]
