"""Pictures of a sensitivity report: importance, one setting at a time, two settings at a time, all at once, and settings against seeds."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from arena.experiments.ledger import TrialRecord
from arena.experiments.map.figure import COLOURS, colour_range, edges
from arena.experiments.trials import Trials
from arena.experiments.values import short, word_of
from arena.plots.style import DATA, FIRST, INK, SECOND, figure, styled
from arena.tuning.report.importance import METHODS, Interval, rates
from arena.tuning.report.sensitivity import Findings
from arena.tuning.report.surrogate import Curve, Process
from arena.tuning.space import Dimension, Space, Value

MAPS = 3
"""Largest number of drawn pairs of settings."""
NEAR = 0.15
"""Share of the side of a map within which a trial stands for a cell; a surrogate says little farther away."""
MARKS = {
    "diverged": ("X", FIRST),
    "undefined": ("P", FIRST),
    "failed": ("P", INK),
    "collapsed": ("v", "#8e3b9e"),
    "no progress": ("s", "#8a6d3b"),
    "cycling": ("D", SECOND),
}
"""Marker and colour by verdict."""


def all_of(space: Space, trials: Trials, found: Findings) -> Iterator[tuple[str, Figure]]:
    """Yield every picture that applies, by name."""
    yield "importance", importance(found)
    if found.curves:
        yield "tolerance", tolerance(space, trials, found)
    if found.surface is not None:
        for a, b in pairs(space, trials, found):
            both = dataclasses.replace(trials, records=[record for record in trials.records if {a, b} <= {*record.point}])
            yield f"map-{_plain(a)}-{_plain(b)}", heat(space[a], space[b], both, found.surface)
    yield "parallel", parallel(space, trials)
    if len(trials.seeds) > 1:
        yield "seeds", seeds(trials)
    if len(trials.objectives) > 1:
        yield "front", front(trials)


def pairs(space: Space, trials: Trials, found: Findings) -> list[tuple[str, str]]:
    """Return the pairs of settings to draw: both learning rates, then ratio and coupling against a rate, then those that interact.

    Pairs that no trial has together are left out.
    """
    roles = trials.base.roles
    there, wanted = set(space.names), list[tuple[str, str]]()
    if (both := rates(space, roles)) is not None:
        wanted.append(both)
    rate = next((f"{role}.lr" for role in roles if f"{role}.lr" in there), None)
    if rate is not None:
        wanted += [(rate, name) for name in ("scheduler.ratio", "coupling", "coupling.value") if name in there]
    known = {frozenset(pair) for pair in wanted}
    wanted += [pair for pair in found.interactions if frozenset(pair) not in known]
    return [pair for pair in wanted if any({*pair} <= {*record.point} for record in trials.ended)][:MAPS]


@styled
def importance(found: Findings) -> Figure:
    """Draw the importance of each setting by both methods, with intervals from resampling."""
    groups = [found.importance, *([found.derived] if found.derived else [])]
    rows = [len(group) for group in groups]
    made, axes = figure(6.4, 0.42 * sum(rows) + 0.9 + 0.5 * len(groups), len(groups), 1, height_ratios=rows, sharex=True)
    for axis, group, title in zip(axes[:, 0], groups, ("what matters", "the same, with the learning rates' mean and ratio"), strict=False):
        names = [*group][::-1]
        for offset, method, colour in ((0.19, METHODS[0], SECOND), (-0.19, METHODS[1], FIRST)):
            intervals: list[Interval] = [group[name][method] for name in names]
            at = np.arange(len(names)) + offset
            axis.barh(at, [i.value for i in intervals], height=0.36, color=colour, alpha=0.85, label=method)
            for place, interval in zip(at, intervals, strict=True):
                axis.plot([interval.low, interval.high], [place, place], "|-", color=INK, linewidth=0.9, markersize=5)
        axis.set_axisbelow(True)
        axis.set_yticks(range(len(names)), [found.label(name) for name in names])
        axis.grid(False, axis="y")
        axis.set_title(title, loc="left")
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    axes[-1, 0].set(xlim=(0, 1), xlabel="share of the importance: mean and middle nine tenths over resampled trials")
    axes[-1, 0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    return made


@styled
def tolerance(space: Space, trials: Trials, found: Findings) -> Figure:
    """Draw the expected value along each setting through the best point, and its tolerance."""
    curves = [found.curves[name] for name in found.importance if name in found.curves]
    columns = min(3, len(curves))
    rows = math.ceil(len(curves) / columns)
    made, axes = figure(0.6 + 2.9 * columns, 0.5 + 2.4 * rows, rows, columns, sharey=True)
    values = [record.value for record in trials.ended]
    positive = min(values) > 0
    for axis, curve in zip(axes.flat, curves, strict=False):
        _one_curve(axis, space[curve.name], curve, [record for record in trials.ended if curve.name in record.point])
        if positive:
            axis.set_yscale("log")
            axis.set_ylim(min(values) / 1.3, max(np.quantile(values, 0.9), 3 * min(values)))
            _plain_numbers(axis.yaxis)
    for axis in axes.flat[len(curves) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(trials.axis_names[0])
    which = "the best point that has it" if found.active else "the best point"
    made.suptitle(f"one setting at a time, around {which}; shaded: within 10 %", fontsize=10, color=INK)
    return made


def _one_curve(axis: Any, dimension: Dimension, curve: Curve, told: Sequence[TrialRecord]) -> None:
    axis.set_xlabel(curve.name)
    at = [_where(dimension, value) for value in curve.values]
    if dimension.choices:
        sides = [curve.expected - curve.low, curve.high - curve.expected]
        axis.errorbar(at, curve.expected, yerr=sides, fmt="o", color=SECOND, ecolor=SECOND, capsize=3)
        axis.set_xticks(at, [word_of(v) for v in curve.values], rotation=20, ha="right")
    else:
        axis.axvspan(_where(dimension, curve.within[0]), _where(dimension, curve.within[1]), color="#1b8a78", alpha=0.12, linewidth=0)
        axis.fill_between(at, curve.low, curve.high, color=SECOND, alpha=0.2, linewidth=0)
        axis.plot(at, curve.expected, color=SECOND)
        _scaled(axis, dimension, "x")
    axis.plot(
        [_where(dimension, r.point[curve.name]) for r in told], [r.value for r in told], ".", color=DATA, markersize=3, alpha=0.6, zorder=1
    )
    axis.plot([_where(dimension, curve.best)], [curve.expected[curve.values.index(curve.best)]], "*", color=INK, markersize=9, zorder=4)


@styled
def heat(x: Dimension, y: Dimension, trials: Trials, process: Process) -> Figure:
    """Draw the expected value over two settings in colour, and every trial as a mark by verdict."""
    made, axes = figure(5.6, 4.8)
    axis = axes[0, 0]
    xs, ys = (d.levels(len(d.choices) or (int(d.high - d.low) + 1 if d.whole and not d.log else 24)) for d in (x, y))
    values = np.array([record.value for record in trials.ended])
    norm, _ = colour_range(np.quantile(values, [0, 0.25, 0.5, 0.75, 0.9, 0.9]), trials.ceiling)
    back = np.exp if values.min() >= 0 and values.max() > 0 else np.asarray
    surface = np.ma.masked_invalid(np.clip(back(process.over(x.name, y.name, xs, ys)), norm.vmin, norm.vmax))
    surface[_far(x, y, xs, ys, trials)] = np.ma.masked
    axis.set_facecolor("#e4e6e8")
    mesh = axis.pcolormesh(_sides(x, xs), _sides(y, ys), surface, cmap=COLOURS, norm=norm, linewidth=0, rasterized=True, alpha=0.85)
    _marks(axis, x, y, trials, norm)
    for dimension, which in ((x, "x"), (y, "y")):
        _scaled(axis, dimension, which)
        getattr(axis, f"set_{which}label")(dimension.name)
    axis.grid(False)
    empty = [Patch(color="#e4e6e8", label="nothing was played near")] if surface.mask.any() else []
    handles = [*axis.get_legend_handles_labels()[0], *empty]
    axis.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, columnspacing=1.2, handletextpad=0.3)
    bar = made.colorbar(mesh, ax=axis, aspect=30, pad=0.02, extend="max" if values.max() > float(norm.vmax or 0) else "neither")
    bar.set_label(f"{trials.axis_names[0]}: expected over the other settings; dots: trials", fontsize=8)
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):
        _plain_numbers(bar.ax.yaxis)
    return made


def _far(x: Dimension, y: Dimension, xs: Sequence[Value], ys: Sequence[Value], trials: Trials) -> np.ndarray:
    """Return whether each cell is farther than `NEAR` of the space's sides from every trial, (len(ys), len(xs))."""
    places_T2 = np.array([[d.share(record.point[d.name]) for d in (x, y)] for record in trials.ended])
    cells_YX2 = np.array([[[x.share(a), y.share(b)] for a in xs] for b in ys])
    far: np.ndarray = np.abs(cells_YX2[:, :, None] - places_T2).max(axis=3).min(axis=2) > NEAR
    return far


def _marks(axis: Any, x: Dimension, y: Dimension, trials: Trials, norm: Normalize) -> None:
    rng = np.random.default_rng(0)
    groups: dict[tuple[str, str, str], list[TrialRecord]] = {}
    for record in trials.ended:
        mark = (*MARKS[record.verdict], record.verdict) if record.verdict in MARKS else ("o", "", "played")
        groups.setdefault(mark, []).append(record)
    for (marker, colour, word), group in sorted(groups.items(), key=lambda item: item[0][2] != "played"):
        at = [[_where(d, r.point[d.name]) + (rng.uniform(-0.18, 0.18) if d.choices or d.whole else 0) for r in group] for d in (x, y)]
        played = {"c": [r.value for r in group], "cmap": COLOURS, "norm": norm, "s": 26, "edgecolors": INK, "linewidths": 0.7}
        marked = {"c": colour, "marker": marker, "s": 30, "edgecolors": "white", "linewidths": 0.6, "zorder": 3}
        axis.scatter(*at, **(played if word == "played" else marked), label=f"{word}: {len(group)}")
    if (best := trials.best) is not None:
        star: dict[str, Any] = {"color": "white", "markeredgecolor": INK, "markersize": 14, "linestyle": "none", "zorder": 5}
        axis.plot(*([_where(d, best.point[d.name])] for d in (x, y)), "*", label=f"best: {best.value:.3g}", **star)


@styled
def parallel(space: Space, trials: Trials) -> Figure:
    """Draw a line across all settings for each trial, the best on top; a line is broken at a setting that does not exist there."""
    dimensions, told = space.dimensions, trials.ended
    made, axes = figure(2.4 + 1.5 * len(dimensions), 3.8)
    axis = axes[0, 0]
    values = np.array([record.value for record in told])
    norm, _ = colour_range(np.quantile(values, [0, 0.25, 0.5, 0.75, 0.9, 0.9]), trials.ceiling)
    rng = np.random.default_rng(0)
    for record in sorted(told, key=lambda record: -record.value):
        shares = [d.share(record.point[d.name]) if d.name in record.point else math.nan for d in dimensions]
        moved = [rng.uniform(-0.02, 0.02) if d.choices or d.whole else 0 for d in dimensions]
        own = np.clip(np.add(shares, moved), 0.0, 1.0)
        good = record.value <= np.quantile(values, 0.1)
        colour = COLOURS(float(np.clip(norm(record.value), 0, 1)))
        look: dict[str, Any] = {"marker": "."} if np.isnan(own).any() else {}  # a value between two gaps has no line
        look |= {"color": FIRST, "linewidth": 1.6, "alpha": 0.9} if good else {"color": colour, "linewidth": 0.7, "alpha": 0.45}
        axis.plot(range(len(dimensions)), own, **look)
    for i, d in enumerate(dimensions):
        axis.axvline(i, color="#c8ccd0", linewidth=1, zorder=0)
        ends = [(d.share(v), v) for v in (d.choices or (d.at(0.0), d.at(1.0)))]
        for share, value in ends:
            axis.text(i + 0.03, share, short(value), fontsize=7, color="#5f6670", va="center")
    axis.set_xticks(range(len(dimensions)), [d.name for d in dimensions], rotation=12, ha="right")
    axis.set(yticks=[], xlim=(-0.2, len(dimensions) - 0.6), ylim=(-0.05, 1.05), title="every trial; orange: the best tenth")
    axis.grid(False)
    axis.spines["left"].set_visible(False)
    bar = made.colorbar(ScalarMappable(norm, COLOURS), ax=axis, aspect=30, pad=0.02)
    bar.set_label(f"{trials.axis_names[0]} of the others", fontsize=8)
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):
        _plain_numbers(bar.ax.yaxis)
    return made


@styled
def seeds(trials: Trials) -> Figure:
    """Draw the trials from best to worst with the value of each seed. If their spread exceeds the slope, the order is luck."""
    ranked = sorted((r for r in trials.ended if r.runs), key=lambda record: record.value)
    made, axes = figure(5.6, 3.4)
    axis = axes[0, 0]
    for i, record in enumerate(ranked, 1):
        own = [play.value for play in record.runs]
        axis.plot([i] * len(own), own, "-", color=DATA, linewidth=0.7)
        axis.plot([i] * len(own), own, ".", color=SECOND, markersize=3.5, alpha=0.7)
    axis.plot(range(1, len(ranked) + 1), [r.value for r in ranked], color=FIRST, label="value of the point")
    axis.plot([], [], ".", color=SECOND, label="one seed")
    if min(play.value for record in ranked for play in record.runs) > 0:
        axis.set_yscale("log")
        _plain_numbers(axis.yaxis)
    if trials.ceiling:
        axis.axhline(trials.ceiling, color="#1b8a78", linewidth=1, linestyle="--", label="real data")
    axis.set(xlabel="trials, from best to worst", ylabel=trials.axis_names[0], title="settings against seeds")
    axis.legend(loc="upper left")
    return made


@styled
def front(trials: Trials) -> Figure:
    """Draw the first two objectives of every trial, and their Pareto front."""
    told, (first, second) = trials.ended, trials.objectives[:2]
    made, axes = figure(4.8, 3.8)
    axis = axes[0, 0]
    axis.plot([r.values[first] for r in told], [r.values[second] for r in told], "o", color=DATA, markersize=4)
    best, limit = [], math.inf
    for record in sorted(told, key=lambda record: (record.values[first], record.values[second])):
        if record.values[second] < limit:
            limit = record.values[second]
            best.append(record)
    axis.step([r.values[first] for r in best], [r.values[second] for r in best], "o-", where="post", color=FIRST, label="the front")
    axis.set(xlabel=trials.axis_names[0], ylabel=trials.axis_names[1])
    axis.legend(loc="upper right")
    return made


# Axes ----------------------------------------------------------------------------------------------------------------------------


def _where(dimension: Dimension, value: Value) -> float:
    return float(dimension.choices.index(value)) if dimension.choices else float(value)


def _sides(dimension: Dimension, values: Sequence[Value]) -> np.ndarray:
    """Return the sides of the cells around values."""
    return edges([_where(dimension, value) for value in values], dimension.log)


def _scaled(axis: Any, dimension: Dimension, which: str) -> None:
    side = getattr(axis, f"{which}axis")
    if dimension.choices:
        getattr(axis, f"set_{which}ticks")(range(len(dimension.choices)), [short(v) for v in dimension.choices])
    elif dimension.log:
        getattr(axis, f"set_{which}scale")("log")
        if dimension.high < 1000 * dimension.low:
            _plain_numbers(side)
    elif dimension.whole:
        side.get_major_locator().set_params(integer=True)


def _plain_numbers(side: Any) -> None:
    side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    side.set_minor_formatter(NullFormatter())


def _plain(name: str) -> str:
    return name.replace("*.", "both.").replace("/", "-")
