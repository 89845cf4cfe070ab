"""The doctor: what ails a run, read from its trace and its configuration. One file for each ailment, in `arena/doctor/ailments/`."""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case

__all__ = ["Ailment", "Case", "Evidence", "Finding"]
