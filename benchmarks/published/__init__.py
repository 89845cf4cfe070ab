"""Published tables, reproduced: one command each, with the published numbers beside ours."""
