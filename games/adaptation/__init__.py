"""Unsupervised domain adaptation: DANN and Generate-to-Adapt, with criteria that need no target labels."""
