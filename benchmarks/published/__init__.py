"""Reproductions of published tables, one command each; `RESULTS.md` holds their output."""
