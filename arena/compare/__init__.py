"""Comparisons: variants × seeds of one game on equal budgets, in parallel processes, with a verdict for each."""

from arena.compare.comparison import Comparison, compare
from arena.compare.verdict import Verdict, verdict

__all__ = ["Comparison", "Verdict", "compare", "verdict"]
