"""The film of a run, or of several side by side: `film` writes it as MP4 and GIF."""
