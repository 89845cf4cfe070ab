"""List the packages: `arena`, and the folders beside it that are imported as `arena.games`, `arena.players` and `arena.tuning`.

The import names sit under `arena`, so that a `games/` folder or a `players.py` beside a user's script cannot hide them.
"""

from setuptools import find_packages, setup

BESIDE = ("games", "players", "tuning")

setup(
    packages=[
        *find_packages(include=["arena", "arena.*"]),
        *(f"arena.{name}" for name in find_packages(include=[pattern for folder in BESIDE for pattern in (folder, f"{folder}.*")])),
    ]
)
