"""The wheel and the source distribution: complete, and described by links that work from a package index."""

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.test_import_names import ROOT, python

BUILD = """\
import sys
from setuptools import build_meta
build_meta.build_sdist(sys.argv[1])
"""
DESCRIBED = """\
import sys
import setup
print(setup.described(open(sys.argv[1], encoding="utf-8").read(), *sys.argv[2:]), end="")
"""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> tarfile.TarFile:
    """The source distribution of what git tracks."""
    if missing := {"pip", "setuptools"} - {found.name for found in distributions()}:
        pytest.skip(f"{' and '.join(missing)} is not installed")
    if not (ROOT / ".git").exists():
        pytest.skip("needs a checkout of git")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("sdist")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in filter(None, subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    python("-c", BUILD, str(out), cwd=source)
    (file,) = out.glob("*.tar.gz")
    return tarfile.open(file)


@pytest.mark.thorough
def test_the_source_distribution_is_whole_and_makes_the_wheel(sdist: tarfile.TarFile, tmp_path: Path) -> None:
    top = sdist.getnames()[0].partition("/")[0]
    names = {name.removeprefix(f"{top}/") for name in sdist.getnames()}
    wanted = [file for folder in ("docs", "examples", "tests", "benchmarks", "games") for file in (ROOT / folder).rglob("*.*")]
    wanted += [ROOT / name for name in ("README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "Dockerfile")]
    cached = ("__pycache__", ".egg-info")
    assert not {file.relative_to(ROOT).as_posix() for file in wanted if file.is_file() and not any(c in str(file) for c in cached)} - names
    sdist.extractall(tmp_path, filter="data")
    python("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(tmp_path / top), cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))))
        modules = sum(name.endswith(".py") for name in archive.namelist())
    assert modules == sum(len([*(ROOT / folder).rglob("*.py")]) for folder in ("arena", "games", "players", "tuning"))
    assert metadata["Description-Content-Type"] == "text/markdown" and metadata["License-Expression"] == "MIT"
    assert str(metadata.get_payload()).lstrip().startswith("# Arena") and relative_links(str(metadata.get_payload())) == []
    assert "Programming Language :: Python :: 3.12" in metadata.get_all("Classifier", [])


def relative_links(text: str) -> list[str]:
    """Return the targets of links that lead nowhere from a package index."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith(("https://", "#"))]


@pytest.mark.parametrize("repository", ["", "https://host.test/arena/"])
def test_links_of_the_description_lead_somewhere(repository: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    done = [sys.executable, "-c", DESCRIBED, "README.md", *([repository] if repository else [])]
    text = subprocess.run(done, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True).stdout
    assert len(relative_links(readme)) > 20 and relative_links(text) == []
    assert ("](https://host.test/arena/blob/main/docs/start.md)" in text) == bool(repository)
    assert ("![The swiss-roll GAN after 1,000, 3,000 and 12,000 turns](https://host.test/arena/raw/main/docs" in text) == bool(repository)
    code = readme.split("```")[1::2]
    assert all(block in text for block in code)


def test_the_container_installs_what_exists() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (install,) = [line for line in lines if line.startswith("RUN uv pip install")]
    extras = install.partition("[")[2].partition("]")[0].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras) <= project["optional-dependencies"].keys() and "arena" in project["scripts"]
    (image,) = [line for line in lines if line.startswith("FROM")]
    assert f"Programming Language :: Python :: {image.split(':')[1].removesuffix('-slim')}" in project["classifiers"]
