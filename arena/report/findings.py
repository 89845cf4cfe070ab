"""The doctor's findings in a report: a section, and marks in the charts of the signals that are the evidence."""

from collections.abc import Sequence

from arena.doctor.diagnosis import Diagnosis
from arena.report.page import Page, Panel


def show(page: Page, diagnosis: Diagnosis) -> None:
    """Add what the doctor found, each with the command that tries the change."""
    if not diagnosis.findings:
        return
    page.heading("What the doctor found")
    for finding in diagnosis.findings:
        change = f" Change: {finding.advice}." if finding.advice else ""
        page.finding(finding.ailment, [*map(str, finding.evidence)], f"{finding.cause[:1].upper()}{finding.cause[1:]}.{change}")
        if finding.change:
            page.commands({"try it": diagnosis.command(finding)})


def mark(panels: Sequence[Panel], diagnosis: Diagnosis) -> None:
    """Mark in the charts of its signals since when the evidence of the findings holds."""
    for panel in panels:
        fields = {line["field"] for line in panel["series"]}
        found = [(f.ailment, e.since) for f in diagnosis.findings for e in f.evidence if e.since and fields & {*e.signals}]
        panel["marks"] = [{"name": name, "x": since} for name, since in dict.fromkeys(found)]
