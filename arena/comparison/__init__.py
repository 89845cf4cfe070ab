"""Comparisons: variants × seeds of one game on equal budgets, in parallel processes, with a verdict for each."""

from arena.comparison.play import Comparison, compare
from arena.comparison.verdict import Verdict, verdict

__all__ = ["Comparison", "Verdict", "compare", "verdict"]
