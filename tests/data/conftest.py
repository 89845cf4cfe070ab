"""Each test of data has a cache of its own: what another test kept there, under whatever name, is not its business."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name an empty folder as the cache of data sets."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ARENA_CACHE", str(folder))
    return folder
