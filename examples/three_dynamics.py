"""One game, three dynamics: on f(x, y) = xy, simultaneous descent spirals out, alternation circles, extragradient spirals in.

python examples/three_dynamics.py [PICTURE]
"""

import sys

import numpy as np

from arena import configure
from arena.plots import DATA, FIRST, INK, SECOND, figure, save, styled

VARIANTS = {
    "simultaneous": ({"rule": "simultaneous"}, FIRST),
    "alternating": ({"scheduler": "alternating", "turns": 200}, DATA),
    "extragradient": ({"rule": "extragradient"}, SECOND),
}


def path(settings: dict) -> np.ndarray:
    """Return the positions of both players after each turn, (turns, 2)."""
    arena = configure("bilinear", {"turns": 100, "x.lr": 0.1, "y.lr": 0.1, "seed": 4, **settings}).build()
    arena.reset(seed=4)
    places = []
    while arena.turns_played < arena.turns:
        places.append([p().item() for p in arena.game.players.values()])
        arena.play_scheduled_turn()
    return np.array(places)


@styled
def draw(file: str) -> None:
    """Draw the three trajectories in one picture."""
    sheet, axes = figure(4.4, 4.7)
    axis = axes[0, 0]
    for name, (settings, colour) in VARIANTS.items():
        x, y = path(settings).T
        axis.plot(x, y, color=colour, label=name, linewidth=1.2)
        axis.plot(x[-1], y[-1], "o", color=colour, markersize=5)
        print(f"{name:<14} distance to the solution: {np.hypot(x[0], y[0]):.3f} → {np.hypot(x[-1], y[-1]):.3f}")
    axis.plot(0, 0, "+", color=INK, markersize=9)
    axis.set(xlabel="player 1: x", ylabel="player 2: y", aspect="equal", title="f(x, y) = xy, learning rate 0.1")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    save(sheet, file)
    print(f"picture: {file}")


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "three_dynamics.png")
