"""Comparisons: variants × seeds of one game on equal budgets, in parallel processes, with a verdict for each."""

from arena.experiments.compare.play import Comparison, compare
from arena.experiments.verdict import Verdict, verdict

__all__ = ["Comparison", "Verdict", "compare", "verdict"]
