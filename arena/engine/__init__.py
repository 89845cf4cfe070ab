"""Time: episodes, turns, signals and snapshots, and the Gymnasium environments over them."""
