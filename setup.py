"""List the packages, and write the long description.

The packages are `arena`, and the folders beside it that are imported as `arena.games`, `arena.players` and `arena.tuning`. The import names
sit under `arena`, so that a `games/` folder or a `players.py` beside a user's script cannot hide them.

The long description is the README. A package index has none of the files that it links to: links lead to the repository if
`project.urls.Repository` of pyproject.toml names it, and otherwise only their text stays.
"""

import re
import tomllib
from pathlib import Path

from setuptools import find_packages, setup

BESIDE = ("games", "players", "tuning")
ROOT = Path(__file__).parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")
NOTE = "\n\nThe files named here are in the source distribution.\n"


def described(text: str, repository: str = "") -> str:
    """Return Markdown whose links and pictures work outside the repository.

    Args:
        text: Markdown with links relative to the root of the repository.
        repository: Its address; if empty, links and pictures are replaced by their text.
    """
    if not repository:
        return LINK.sub(r"\2", text).rstrip() + NOTE
    return LINK.sub(lambda found: f"{found[1]}[{found[2]}]({repository.rstrip('/')}/{'raw' if found[1] else 'blob'}/main/{found[3]})", text)


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        packages=[
            *find_packages(include=["arena", "arena.*"]),
            *(f"arena.{name}" for name in find_packages(include=[pattern for folder in BESIDE for pattern in (folder, f"{folder}.*")])),
        ],
        long_description=described((ROOT / "README.md").read_text(encoding="utf-8"), project.get("urls", {}).get("Repository", "")),
        long_description_content_type="text/markdown",
    )
