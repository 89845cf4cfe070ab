"""Published results, reproduced by commands: each prints the published numbers beside those of this machine."""
