"""A game measured: the arena's turn beside the loop by hand, the floor beneath both, and where the turn's time goes."""
