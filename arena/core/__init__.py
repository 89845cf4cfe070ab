"""Mathematics without time: games, slots, random streams and the vector field."""
