"""Tuning: sensitivity sweeps over any setting of a game."""
