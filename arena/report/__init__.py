"""Reports: one self-contained page of HTML on a run, an experiment, or several runs side by side."""

from arena.report.write import write_report

__all__ = ["write_report"]
