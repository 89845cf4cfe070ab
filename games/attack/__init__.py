"""Adversarial examples and adversarial training: an attacker against a classifier."""
