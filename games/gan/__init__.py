"""Generative adversarial networks: in the plane and on images, with their losses, penalties, scores and metrics."""
