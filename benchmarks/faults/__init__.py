"""Faults made on purpose, and how many of them are survived; one file holds one kind of fault."""

from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.unbroken import Unbroken

__all__ = ["Attempt", "Fault", "Unbroken"]
