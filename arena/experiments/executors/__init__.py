"""Executors: where the jobs of an experiment are played, one file each, found in the entry-point group `arena.executors`."""

from arena.experiments.executors.base import Executor, Resources, Work, executor

__all__ = ["Executor", "Resources", "Work", "executor"]
