"""The data of games: distributions in the plane, and published data sets."""
