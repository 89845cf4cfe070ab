"""Regression with a learned loss: a regressor against a critic."""
