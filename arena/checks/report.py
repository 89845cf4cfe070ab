"""The report of an examination, and the loop that runs its checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from arena.errors import ArenaError, DataUnavailable, first_line

S = TypeVar("S")


class Fault(Exception):
    """A check failed; the text is the fault."""


class DoesNotApply(Exception):
    """The subject makes no claim that this check could test."""


@dataclass(frozen=True)
class Report:
    """The result of an examination.

    Args:
        passed: Names of the checks that hold.
        skipped: Names of the checks that do not apply.
        fault: The first fault as one sentence; None for a sound subject.
    """

    passed: list[str]
    skipped: list[str]
    fault: str | None


def run_checks(checks: Sequence[Callable[[S], None]], subject: S, name: str, kind: str) -> Report:
    """Run checks of a subject, cheapest first, up to the first fault; raise DataUnavailable if a game's data are not on this machine.

    A check is a function that raises `Fault` or `DoesNotApply`; its name is its title. `name` and `kind` ("game") are those of the subject.
    """
    passed: list[str] = []
    skipped: list[str] = []
    for check in checks:
        title = check.__name__.replace("_", " ")
        try:
            check(subject)
        except DoesNotApply:
            skipped.append(title)
        except DataUnavailable:
            raise
        except (Fault, ArenaError) as fault:
            return Report(passed, skipped, f"{name}: {fault}{_hint(str(fault))}")
        except Exception as error:  # foreign code may raise anything; the report names the check
            message = first_line(error)
            raised = f"{type(error).__name__}: {message}{_hint(message)}"
            fault_line = f"{name}: '{title}' could not be checked, because the {kind} raised {raised}"
            return Report(passed, skipped, fault_line)
        else:
            passed.append(title)
    return Report(passed, skipped, None)


def _hint(message: str) -> str:
    return "; make constant tensors buffers (register_buffer), which follow the game's precision" if "dtype" in message else ""
