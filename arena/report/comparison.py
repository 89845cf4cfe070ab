"""The report of a comparison: its table, the curves of every variant, and pictures at equal turns."""

from pathlib import Path

from arena.experiments.compare.plan import load
from arena.experiments.compare.results import summarise, trials_of_runs
from arena.report.experiment import commands, head, table
from arena.report.overlay import curves, sheet_of_runs
from arena.report.page import Page


def page(folder: Path) -> Page:
    """Return the page of a comparison; runs that have not ended are shown as far as they are, and are in no mean of the table."""
    summaries = summarise(load(folder).jobs, folder)
    trials = trials_of_runs(summaries, folder)
    made = head(trials, folder)
    table(made, trials)
    made.heading("Curves")
    traces = {summary.variant.removeprefix("rule="): [run.rows for run in summary.outcomes if run.rows] for summary in summaries}
    caption = "Means over the seeds; bands from the lowest to the highest. Products with the Jacobian count as three gradient evaluations."
    made.charts(curves({name: rows for name, rows in traces.items() if rows}, trials.ceiling, trials.base.score_name), caption)
    first = {summary.variant.removeprefix("rule="): folder / summary.outcomes[0].job.folder for summary in summaries}
    sheet_of_runs(made, first)
    made.heading("Commands")
    made.commands(commands(trials, folder))
    return made
