"""Sweep backends: Optuna processes, Ray Tune and populations."""
