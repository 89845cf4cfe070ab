"""Executors: where the jobs of an experiment are played, one file each, found in the entry-point group `arena.executors`."""

from arena.experiments.executors.base import WHERE, Executor, Resources, Where, Work, executor

__all__ = ["WHERE", "Executor", "Resources", "Where", "Work", "executor"]
