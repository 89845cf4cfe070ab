"""One run on disk: playing, recording, display and model selection."""
