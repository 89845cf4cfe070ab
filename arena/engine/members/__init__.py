"""Many games at once: stacked parameters, per-member settings and signals."""
