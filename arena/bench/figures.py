"""The figure of a measurement: the stages of the arena's turn, beside the plain loop and the floor."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from arena import plots
from arena.bench.measurement import Measurement
from arena.bench.report import BASELINE, FLOOR, SHADES, heading, micro
from arena.plots.style import INK, styled


@styled
def turn(measured: Measurement) -> Figure:
    """Draw one bar each for the arena's turn, stacked from its stages, the plain loop and the floor; whiskers are quartiles."""
    drawing, axes = plots.figure(8.4, 3.2)
    axis = axes[0, 0]
    bars = [
        ("the arena", measured.arena, 1.0),
        ("the plain\nloop", measured.baseline, measured.ratio.middle),
        ("the floor", measured.floor, measured.share.middle),
    ]
    reach = 1.7e6 * max(*(spread.high for _, spread, _ in bars), sum(measured.stages.values()))
    begin = 0.0
    for name, time in measured.stages.items():
        end = begin + 1e6 * time
        axis.barh(0, end - begin, left=begin, height=0.62, color=SHADES[name], edgecolor="white", linewidth=0.6, zorder=3)
        begin = end
    for place, spread, colour in ((1, measured.baseline, BASELINE), (2, measured.floor, FLOOR)):
        axis.barh(place, 1e6 * spread.middle, height=0.62, color=colour, zorder=3)
    for place, (_, spread, ratio) in enumerate(bars):
        low, middle, high = (1e6 * t for t in (spread.low, spread.middle, spread.high))
        axis.errorbar(middle, place, xerr=[[middle - low], [high - middle]], color=INK, elinewidth=1, capsize=3, zorder=5)
        end = (max(high, begin) if place == 0 else high) + 0.012 * reach
        words = f"{micro(spread.middle)} µs" + (f"  (the arena is {ratio:.2f}× as fast)" if place else "")
        axis.text(end, place, words, va="center", fontsize=9.5, fontweight="bold", color=INK)
    axis.set_yticks(range(3), [label for label, _, _ in bars], fontsize=9.5, color=INK)
    chunks = "one chunk" if measured.chunks == 1 else f"{measured.chunks} chunks"
    axis.set(xlim=(0, reach), ylim=(2.5, -0.5), xlabel=f"microseconds a turn: median and quartiles of {chunks}")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.tick_params(axis="y", length=0)
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)
    whole = sum(measured.stages.values())
    handles = [Patch(color=SHADES[n], label=f"{n}\n{micro(time)} µs, {time / whole:.0%}") for n, time in measured.stages.items()]
    drawing.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1, handleheight=1, columnspacing=1.6)
    drawing.suptitle(heading(measured), fontsize=10, color=INK)
    return drawing
