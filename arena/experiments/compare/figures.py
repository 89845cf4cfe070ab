"""The pictures of a comparison: scores against cost, trajectories over the field, spectra, and the last pictures of the runs."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from arena import plots
from arena.experiments.compare.results import Summary
from arena.experiments.verdict import Verdict
from arena.plots.style import DATA, FIRST, INK, SECOND, styled

COLOURS: dict[str, str] = {
    Verdict.CONVERGED: "#2b8a5a",
    Verdict.CONVERGING: "#7fb069",
    Verdict.CYCLING: "#d99a2b",
    Verdict.DIVERGED: FIRST,
    Verdict.STUCK: "#8a5fa8",
    Verdict.PLATEAU: "#5a7fb0",
    Verdict.NOWHERE: DATA,
    Verdict.UNDEFINED: DATA,
    Verdict.FAILED: INK,
    Verdict.UNFINISHED: DATA,
}

SIDE_COLOURS = {"ρ < 1: converges": plots.ATTRACTED, "ρ = 1: neither": INK, "ρ > 1: diverges": FIRST}
"""Colours of the eigenvalues, by the largest modulus."""


def draw(summaries: Sequence[Summary], folder: Path) -> None:
    """Draw all pictures that apply, into the folder and into TensorBoard."""
    made: dict[str, Figure | None] = {
        "score": scores(summaries),
        "trajectories": trajectories(summaries),
        "spectra": spectra(summaries),
        **pictures(summaries, folder),
    }
    there = {name: figure for name, figure in made.items() if figure is not None}
    for name, figure in there.items():
        plots.save(figure, folder / f"{name}.png")
    if any(o.job.settings["trace"]["tensorboard"] for s in summaries for o in s.outcomes):
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(folder))
        for name, figure in there.items():
            writer.add_image(f"comparison/{name}", plots.to_array(figure), 0, dataformats="HWC")
        writer.close()


def labels(summaries: Sequence[Summary]) -> list[str]:
    """Return labels of the variants, without the name of the setting if only one varies.

    Example:
        >>> from arena.experiments.compare.results import Summary
        >>> labels([Summary("rule=lola", [], None), Summary("rule=consensus", [], None)])
        ['lola', 'consensus']
    """
    names = {name for summary in summaries for name in summary.varied}
    return [next(iter(s.varied.values())) if len(names) == 1 else s.variant for s in summaries]


@styled
def scores(summaries: Sequence[Summary]) -> Figure | None:
    """Draw scores against gradient evaluations: the mean over the seeds (geometric on a logarithmic axis) and their range.

    Up to eight variants share one chart; more get a panel each, with the others in grey. If a score is exactly 0, the logarithmic axis
    is linear below the power of ten under the others, and ends at 0.
    """
    names = dict(zip((s.variant for s in summaries), labels(summaries), strict=True))
    curves = {s.variant: curve for s in summaries if (curve := _score_curve(s)) is not None}
    if not curves:
        return None
    shown = [s for s in summaries if s.variant in curves]
    ceiling = next((o.ceiling for s in shown for o in s.outcomes if o.ceiling is not None), None)
    everything = np.concatenate([middle[middle > 0] for _, middle, _ in curves.values()])
    nought = any((low == 0).any() for _, _, (low, _) in curves.values())
    several = max(len(s.outcomes) for s in shown)
    wide = bool(everything.size and everything.max() > 10 * everything.min())
    first = float(np.median([middle[0] for _, middle, _ in curves.values()]))
    columns = 1 if len(shown) <= 8 else 6
    rows = math.ceil(len(shown) / columns) if columns > 1 else 1
    made, axes = plots.figure(*((8.6, 4.4) if columns == 1 else (11.9, 1.75 * rows + 0.5)), rows, columns, sharex=True, sharey=True)
    for axis in axes.flat:
        if ceiling is not None:
            axis.axhline(ceiling, color=DATA, linestyle="--", linewidth=1.2, label="real data")
        if wide:
            least, most = max(everything.min(), 1e-16 * first), min(everything.max(), 1e3 * first) * 1.6
            least = min(least, ceiling) if ceiling else least
            if nought:
                least = 10.0 ** math.floor(math.log10(least))
                axis.set_yscale("symlog", linthresh=least, linscale=0.4)
            else:
                axis.set_yscale("log")
            axis.set_ylim(-0.1 * least if nought else least / 1.6, most)
    without = [Line2D([], [], linestyle="none", label=f"{names[s.variant]}: {s.verdicts}") for s in summaries if s.variant not in curves]
    if columns == 1:
        for summary, colour in zip(shown, _line_colours(len(shown)), strict=True):
            x, middle, (low, high) = curves[summary.variant]
            axes[0, 0].plot(x, middle, color=colour, label=names[summary.variant], linewidth=1.5)
            axes[0, 0].fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
        handles = [*axes[0, 0].get_legend_handles_labels()[0], *_band(several), *without]
        axes[0, 0].legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    else:
        _empty_after(axes, len(shown))
        for axis, summary in zip(axes.flat, shown, strict=False):
            for x, middle, _ in curves.values():
                axis.plot(x, middle, color="#dfe3e6", linewidth=0.7, zorder=1)
            x, middle, (low, high) = curves[summary.variant]
            colour = COLOURS.get(summary.outcomes[0].verdict, DATA)
            axis.plot(x, middle, color=colour, linewidth=1.8, zorder=3)
            axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0, zorder=2)
            axis.set_title(_wrapped(names[summary.variant]), fontsize=8)
        verdicts = dict.fromkeys(s.outcomes[0].verdict for s in shown)
        lines = [Line2D([], [], color=COLOURS.get(verdict, DATA), linewidth=1.8, label=str(verdict)) for verdict in verdicts]
        lines.append(Line2D([], [], color="#dfe3e6", linewidth=1.0, label="the others"))
        made.legend(handles=[*lines, *_band(several), *without], loc="outside upper center", ncols=len(lines) + 1)
    made.supxlabel("gradient evaluations, a product counted as three", fontsize=9, color=INK)
    made.supylabel(f"{summaries[0].outcomes[0].job.config.score_name} (lower is better)", fontsize=9, color=INK)
    return made


@styled
def trajectories(summaries: Sequence[Summary]) -> Figure | None:
    """Draw the path of each variant over the arrows of plain descent, for two players of one number each."""
    shown = [(label, s) for label, s in zip(labels(summaries), summaries, strict=True) if _path(s.outcomes[0]) is not None]
    if not shown:
        return None
    columns = min(6, len(shown)) if len(shown) > 4 else len(shown)
    rows = math.ceil(len(shown) / columns)
    made, axes = plots.figure(max(2.0 * columns + 0.2, 4.6), 2.25 * rows + 0.7, rows, columns)
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    rates = [_rates(summary.outcomes[0]) for _, summary in shown]
    if len({*rates}) == 1:
        made.suptitle(rates[0], fontsize=9, color=INK)
    marks: dict[str, dict[str, Any]] = {"start": {"marker": "o", "markerfacecolor": "white"}, "end": {"marker": "o"}}
    marks["solution"] = {"marker": "+", "markersize": 8}
    for axis, (label, summary) in zip(axes.flat, shown, strict=False):
        paths = [p for o in summary.outcomes if (p := _path(o)) is not None]
        reach = 1.25 * max(float(np.abs(path[0]).max()) for path in paths)
        game = summary.outcomes[0].job.config.build().game
        x, y, u, v = plots.flow(game, reach, 11)
        length = np.hypot(u, v)
        u, v = (np.divide(n, np.sqrt(length), out=np.zeros_like(n), where=length > 0) for n in (u, v))  # long arrows would hide the others
        axis.quiver(x, y, u, v, color="#d5d9dd", pivot="mid", width=0.006)
        for path, outcome in zip(paths, summary.outcomes, strict=False):
            colour, live = COLOURS.get(outcome.verdict, DATA), _path(outcome, evaluated=False)
            if not np.array_equal(path, live):
                axis.plot(*live.T, color=DATA, linewidth=0.7)
                marks["players that are averaged"] = {"color": DATA, "linestyle": "-"}
            axis.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.0, alpha=0.9 if len(paths) == 1 else 0.7)
            axis.plot(*path[0], "o", color=INK, markersize=3.5, markerfacecolor="white", zorder=4)
            axis.plot(*path[-1], "o", color=colour, markeredgecolor=INK, markeredgewidth=0.5, markersize=4, zorder=5)
        solution = game.solution()
        if solution is not None:
            axis.plot(*(float(p) for p in solution.values()), "+", color=INK, markersize=7)
        axis.set_title(f"{_wrapped(label)}\n", fontsize=8, pad=2)
        axis.text(
            0.5,
            1.03,
            summary.verdicts,
            transform=axis.transAxes,
            ha="center",
            fontsize=7,
            color=COLOURS.get(summary.outcomes[0].verdict, DATA),
        )
        if len({*rates}) > 1:
            axis.set_xlabel(_rates(summary.outcomes[0]), fontsize=7)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        _few_ticks(axis)
        axis.grid(False)
    handles = [Line2D([], [], label=name, **{"color": INK, "linestyle": "none", "markersize": 5, **look}) for name, look in marks.items()]
    made.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return made


@styled
def spectra(summaries: Sequence[Summary]) -> Figure | None:
    """Draw the eigenvalues of each variant's linear map at the solution and the unit circle; ρ is their largest modulus."""
    if all(s.theory is None for s in summaries):
        return None
    columns = min(6, len(summaries))
    rows = math.ceil(len(summaries) / columns)
    made, axes = plots.figure(max(1.95 * columns + 0.3, 6.0), 2.4 * rows + 0.7, rows, columns)
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 20_000))
    for axis in axes.flat[len(summaries) :]:
        axis.set_axis_off()
    for axis, label, summary in zip(axes.flat, labels(summaries), summaries, strict=False):
        axis.fill(circle.real, circle.imag, color="#f3f5f7", zorder=0)
        axis.plot(circle.real, circle.imag, color=DATA, linewidth=1.0)
        axis.set_aspect("equal")
        _few_ticks(axis)
        if summary.theory is None:
            axis.set_title(f"{_wrapped(label)}\n", fontsize=8)
            axis.text(0, 0, "no linear map\nis known", ha="center", va="center", fontsize=8, color="#5f6670")
            continue
        claim = summary.theory
        values, rho = np.linalg.eigvals(claim.matrix.numpy()), claim.spectral_radius()
        per_turn = np.abs(values) ** (1 / claim.turns) * np.exp(1j * np.angle(values) / claim.turns)
        across, up = _window(np.concatenate([per_turn, np.exp(1j * np.angle(per_turn))]))  # with the arc beside each eigenvalue
        axis.set(xlim=across, ylim=up)
        colour = list(SIDE_COLOURS.values())[1 + int(np.sign(round(rho, 4) - 1))]
        axis.plot(per_turn.real, per_turn.imag, "o", color=colour, markersize=5, alpha=0.6, markeredgewidth=0, zorder=3)
        axis.set_title(f"{_wrapped(label)}\nρ = {rho:.4f}", fontsize=8)
    handles = [Line2D([], [], color=colour, marker="o", linestyle="none", label=side) for side, colour in SIDE_COLOURS.items()]
    handles.append(Line2D([], [], color=DATA, linewidth=1.0, label="unit circle"))
    made.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    made.supxlabel("real part", fontsize=9, color=INK)
    made.supylabel("imaginary part", fontsize=9, color=INK)
    return made


def pictures(summaries: Sequence[Summary], folder: Path) -> dict[str, Figure]:
    """Draw the last pictures of each variant's first seed side by side: those of the game (of nets) and of its diagnostics."""
    made = {}
    if _path(summaries[0].outcomes[0]) is None:
        made["pictures"] = _side_by_side(summaries, [folder / s.outcomes[0].job.folder / "picture.png" for s in summaries])
    looked = [sorted((folder / s.outcomes[0].job.folder / "pictures").glob("*-turn-*.png")) for s in summaries]
    for name in sorted({file.name.partition("-turn-")[0] for files in looked for file in files}):
        last = [next((f for f in reversed(files) if f.name.startswith(f"{name}-turn-")), Path()) for files in looked]
        made[name] = _side_by_side(summaries, last)
    return {name: figure for name, figure in made.items() if figure is not None}


def _side_by_side(summaries: Sequence[Summary], files: Sequence[Path]) -> Figure | None:
    shown = [(label, s.outcomes[0], imread(f)) for label, s, f in zip(labels(summaries), summaries, files, strict=True) if f.is_file()]
    if not shown:
        return None
    titles = [f"{label}, seed {outcome.job.seed}: {outcome.verdict}".removesuffix(": –") for label, outcome, _ in shown]
    return plots.sheet([image for *_, image in shown], titles, [COLOURS.get(outcome.verdict, DATA) for _, outcome, _ in shown])


def _empty_after(axes: np.ndarray, count: int) -> None:
    """Switch off the axes beyond a number; the panels above them get the tick labels."""
    columns = axes.shape[1]
    for place in range(count, axes.size):
        axes.flat[place].set_axis_off()
        axes.flat[place - columns].tick_params(labelbottom=True)


def _band(seeds: int) -> list[Patch]:
    """Return the legend's entry for the range between seeds."""
    return [Patch(color=DATA, alpha=0.3, linewidth=0, label=f"lowest to highest of {seeds} seeds")] if seeds > 1 else []


def _score_curve(summary: Summary) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]] | None:
    """Return cost, mean score, and lowest and highest score over the seeds; None if there is nothing to draw."""
    curves = [o.against_cost("score") for o in summary.outcomes]
    length = min(len(x) for x, _ in curves)
    if length < 2:
        return None
    values = np.array([y[:length] for _, y in curves], dtype=float)
    middle = np.exp(np.log(values).mean(axis=0)) if (values > 0).all() else values.mean(axis=0)
    return np.array(curves[0][0][:length]), middle, (values.min(axis=0), values.max(axis=0))


def _few_ticks(axis: Any) -> None:
    axis.tick_params(labelsize=6, length=2, labelfontfamily="DejaVu Sans")
    axis.locator_params(nbins=4)
    axis.ticklabel_format(useOffset=False)


def _window(points: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits of a square around complex points, with a margin.

    Example:
        >>> np.round(_window(np.array([0j, 2 + 1j])), 6).tolist()
        [[-0.3, 2.3], [-0.8, 1.8]]
    """
    (left, right), (below, above) = ((float(part.min()), float(part.max())) for part in (points.real, points.imag))
    reach = 0.65 * max(right - left, above - below, 0.01)
    middle = ((left + right) / 2, (below + above) / 2)
    across, up = ((m - reach, m + reach) for m in middle)
    return across, up


def _rates(outcome: Any) -> str:
    """Return the learning rates of both players in words."""
    flat, roles = outcome.job.config.flat(), outcome.job.config.roles
    rates = [flat[f"{role}.lr"] for role in roles]
    return f"η = {rates[0]:g}" if rates[0] == rates[1] else ", ".join(f"η of {r} {v:g}" for r, v in zip(roles, rates, strict=True))


def _path(outcome: Any, *, evaluated: bool = True) -> Any:
    """Return the positions of two players of one number each, turn by turn, those of averages if they are evaluated; else None."""
    names = [name for row in outcome.rows[:1] for name in row if name.startswith("diagnostics.position.")]
    if len(names) != 2 or len({name.split(".")[2] for name in names}) != 2:
        return None
    rows = [row for row in outcome.rows if all(row.get(name) is not None for name in names)]
    averages = {name: name.replace("position.", "position.evaluated.") for name in names}
    places = [[row.get(averages[name], row[name]) if evaluated else row[name] for name in names] for row in rows]
    return np.array(places, dtype=float)


def _line_colours(count: int) -> list[Any]:
    """Return distinct colours: a fixed few, or a colour map for more."""
    few = [FIRST, SECOND, "#2b8a5a", "#d99a2b", "#8a5fa8", "#4aa3a2", "#a8485f", INK]
    return few[:count] if count <= len(few) else [matplotlib.colormaps["turbo"](0.05 + 0.9 * i / (count - 1)) for i in range(count)]


def _wrapped(label: str, width: int = 24) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(label.replace("-", "- "), width)).replace("- ", "-")
