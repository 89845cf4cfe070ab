"""The game's vector field on one frozen batch, its products, and its form for many members."""
