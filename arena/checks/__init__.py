"""Proofs that games and update rules are what they claim."""
