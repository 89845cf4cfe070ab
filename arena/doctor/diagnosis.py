"""Diagnose a run folder: its findings, the gravest first, and the commands that try what they prescribe."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from arena.config.settings import flatten, typed_as
from arena.doctor.base import Ailment, Finding
from arena.doctor.case import Case
from arena.errors import ArenaError, typed
from arena.registry.construct import construct_all
from arena.runs.display import command
from arena.trace.jsonl import rows_and_damage
from arena.trace.reading import read_text


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found.

    Args:
        folder: The run folder.
        findings: The gravest first; empty if nothing was found.
        notes: What is missing or damaged.
    """

    folder: Path
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def command(self, finding: Finding) -> str:
        """Return the command that tries what a finding prescribes; empty without a prescription."""
        if not finding.change:
            return ""
        options = " ".join(f"--{name} {typed(typed_as(value) or '()')}" for name, value in finding.change.items())
        return f"{command('arena')} play --config {typed(self.folder / 'config.yaml')} {options}"

    def __str__(self) -> str:
        return "\n".join([*self.notes, *(_paragraph(self, finding) for finding in self.findings)]) or "nothing ails this run"


def diagnose(folder: str | Path) -> Diagnosis:
    """Return what ails a run, from its trace and its configuration alone.

    Args:
        folder: Run folder, also of a run that has not ended or is damaged.

    Raises:
        ArenaError: The folder has no trace that can be read.

    Example:
        >>> import arena, tempfile
        >>> settings = {"turns": 600, "trace.every": 10, "score.every": 10, "trace.tensorboard": False}
        >>> run = arena.play("dirac", out=tempfile.mkdtemp() + "/run", display=False, **settings)
        >>> [finding.ailment for finding in diagnose(run.folder).findings][:1]
        ['aimless-rotation']
    """
    folder = Path(folder)
    file = folder / "trace.jsonl"
    if not file.is_file():
        raise ArenaError(f"{folder} has no trace.jsonl, which the doctor reads. Fix: give a folder that `arena play` named; arena runs")
    rows, damage = rows_and_damage(file)
    notes = [f"The trace is damaged: {damage}. Its other rows are used."] if damage else []
    return of_rows(folder, rows, notes)


def of_rows(folder: Path, rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Diagnosis:
    """Return what ails a run whose trace has been read."""
    settings: Mapping[str, Any] = {}
    try:
        settings = settings_of(folder)
    except ArenaError as error:
        notes = [*notes, f"{error}."]
    return Diagnosis(folder, tuple(findings(rows, settings)), tuple(notes))


def findings(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[Finding]:
    """Return what ails a run, the gravest first.

    Args:
        rows: All rows of the trace.
        settings: The configuration by dotted name; empty if it is unknown.
    """
    end = rows[-1] if rows and rows[-1].get("kind") == "end" else None
    case = Case([row for row in rows if row.get("kind", "turn") == "turn"], settings, end)
    ailments: Mapping[str, Ailment] = construct_all("ailment", ["all"])
    found = []
    for name, ailment in ailments.items():
        if (case.long_enough or ailment.short) and (finding := ailment.look(case)) is not None:
            found.append(replace(finding, ailment=name))
    return sorted(found, key=lambda finding: -finding.severity)


def settings_of(folder: Path) -> dict[str, Any]:
    """Return the settings of a run by dotted name, as plain data: no code is imported.

    Raises:
        ArenaError: There is no configuration that can be read.
    """
    file = folder / "config.yaml"
    with contextlib.suppress(OSError, UnicodeDecodeError, RecursionError, ValueError, yaml.YAMLError):
        data = yaml.load(read_text(file), _LOADER)  # noqa: S506  # a safe loader
        if isinstance(data, dict) and all(isinstance(name, str) for name in data):
            return flatten(data)
    raise ArenaError(f"{file} cannot be read, so that only the trace is judged")


def in_few_lines(folder: Path) -> str:
    """Return the gravest finding on a run that has ended in three lines, for the end of a run; nothing for an experiment."""
    if not (folder / "trace.jsonl").is_file():
        return ""
    made = diagnose(folder)
    if not made.findings:
        return "nothing ails this run"
    first, *more = made.findings
    also = f"; also {', '.join(finding.ailment for finding in more[:2])}" if more else ""
    lines = [f"{first.ailment}: {'; '.join(map(str, first.evidence[:2]))}", f"likely {first.cause}{also}"]
    return "\n              ".join([*lines, *([f"try  {made.command(first)}"] if first.change else [])])


def _paragraph(made: Diagnosis, finding: Finding) -> str:
    lines = [finding.ailment]
    lines += [f"  {'evidence' if place == 0 else '':<10}{evidence}" for place, evidence in enumerate(finding.evidence)]
    lines.append(f"  {'cause':<10}{finding.cause}")
    if finding.change:
        lines += [f"  {'change':<10}{finding.advice or ', '.join(finding.change)}", f"  {'try':<10}{made.command(finding)}"]
    return "\n".join(lines)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
