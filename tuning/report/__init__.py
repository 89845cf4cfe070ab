"""Sensitivity reports of a sweep: importance, slices, figures and tables."""
