"""Benchmarks: the arena against the loops that a user would write by hand. `make bench` prints the table."""
