"""Published tables, reproduced by one command each; `RESULTS.md` holds what they print."""
