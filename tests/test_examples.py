"""Examples, and the commands, Python blocks, links, paths and pictures of the pages, run as they are shown.

The code of a page runs in a process of its own, because games that pages register stay registered. Experiments and runs are planned in
full, up to their folder, which exists already.
"""

import contextlib
import importlib
import io
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import Image

from arena import check_game, configure
from arena.errors import ArenaError, DataUnavailable
from tests.support.cases import first
from tests.support.commands import call

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)

TAKEN = "taken"
"""An existing folder, which a command refuses to write into after planning everything."""
PLANNED = ("play", "compare", "map", "sweep", "bench")
"""Commands that stop there. Others are run, or must refuse a folder that is not a run."""
OTHERS = ("source", "pip", "tensorboard", "optuna-dashboard")
"""Third-party programs, whose options are not checked."""


def test_the_newcomers_game_keeps_the_contract_and_fits_a_screen() -> None:
    file = EXAMPLES / "tug_of_war.py"
    assert check_game(configure(str(file)).game.target).fault is None
    assert len(file.read_text().splitlines()) <= 31
    assert file.read_text().split('"""', 2)[2].strip() in (ROOT / "README.md").read_text(), "the README shows another one"


@pytest.mark.rendered
def test_three_dynamics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["three_dynamics.py", str(tmp_path / "picture.png")])
    runpy.run_path(str(EXAMPLES / "three_dynamics.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()[:3]
    ends = {line.split()[0]: [float(line.split()[-3]), float(line.split()[-1])] for line in lines}
    assert ends["simultaneous"][1] > 1.5 * ends["simultaneous"][0]
    assert ends["extragradient"][1] < 0.7 * ends["extragradient"][0]
    assert 0.9 < ends["alternating"][1] / ends["alternating"][0] < 1.1
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", first(1, sorted(PAGES, key=lambda page: page.stem != "README")), ids=lambda page: page.stem)
def test_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    done = call(print_faults, page, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@each_page
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', page.read_text()):
        link = target[0] or target[1]
        if re.match(r"https?:", link):
            continue
        name, _, anchor = link.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} links to {link}, which does not exist"
        if anchor:
            assert anchor in set(anchors(file.read_text())), f"{page.name} links to {link}, but {file.name} has no such heading"


@each_page
def test_paths_that_a_page_names_exist(page: Path) -> None:
    inline = [span.split()[0] for span in spans(page.read_text())]
    drawn = [line.split()[1 if line.split()[0].isdigit() else 0] for line in drawing(page.read_text())]
    named = [path for path in inline + drawn if re.match(r"(\.?[\w-]+/)+", path) and path.partition("/")[0] in TOP and path == path.lower()]
    missing = [path for path in named if not (ROOT / path).exists()]
    assert not missing, f"{page.name} names {', '.join(missing)}, which this repository does not have"


def test_the_drawing_shows_every_room() -> None:
    shown = drawing((ROOT / "README.md").read_text())
    assert shown == drawing((ROOT / "CONTRIBUTING.md").read_text())
    rooms = [folder.parent.relative_to(ROOT).as_posix() for folder in (ROOT / "arena").glob("*/__init__.py")]
    missing = [room for room in [*rooms, "games", "players", "tuning"] if not any(f" {room}/ " in line for line in shown)]
    assert not missing, f"the drawing lacks {', '.join(missing)}"


def test_every_picture_is_shown() -> None:
    shown = "".join(page.read_text() for page in [*PAGES, *(ROOT / "benchmarks").rglob("*.md")])
    assert not [picture.name for picture in (ROOT / "docs").glob("*.png") if picture.name not in shown]


def test_faults_on_a_page_are_found(tmp_path: Path) -> None:
    faults = {
        "arena play swiss-roll --generator.lrr 1": "generator.lrr",
        "arena compare bilinear --vary x.lr": "x.lr",
        "arena dance": "dance",
        "make supper": "supper",
        "python -m benchmarks.bench --slow": "--slow",
        "python -m benchmarks.nothing": "benchmarks.nothing",
        "python examples/nothing.py": "examples/nothing.py",
        "dance": "dance",
    }
    page = tmp_path / "page.md"
    page.write_text("```sh\n" + "\n".join(faults) + "\n```\n```python\nimport arena\n\narena.play('bilinear', x={'lrr': 1})\n```\n")
    done = call(print_faults, page, folder=tmp_path)
    found = done.stdout.splitlines()
    assert done.returncode == 1 and len(found) == len(faults) + 1, done.stdout + done.stderr
    assert all(name in line for name, line in zip([*faults.values(), "lrr"], found, strict=True))


# What a page shows --------------------------------------------------------------------------------------------------------------


class Block(NamedTuple):
    """A fenced block: language and text."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """Name of the file that the block shows, if its first line names one, as in `# my_net.py`."""
        first = re.match(r"# (?:[\w-]+/)*([\w-]+\.(?:py|yaml))\n", self.text)
        return first and first[1]


TOP = {"arena", "games", "players", "tuning", "tests", "benchmarks", "examples", "docs"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(text)]


def drawing(text: str) -> list[str]:
    """Lines of the drawing of the rooms."""
    return [line for block in blocks(text) if not block.language for line in block.text.splitlines()]


def spans(text: str) -> list[str]:
    """Code within the text, each on one line."""
    prose = FENCE.sub("", text)
    assert not (broken := [line for line in prose.splitlines() if line.count("`") % 2]), f"code is broken over two lines: {broken}"
    return re.findall(r"`([^`\n]*[^`\s][^`\n]*)`", prose)


def anchors(text: str) -> Iterator[str]:
    """GitHub's anchors of the headings."""
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def commands(text: str) -> Iterator[str]:
    """Every command: lines of `sh` blocks, and inline code that is a command with arguments and without a placeholder."""
    for block in blocks(text):
        if block.language == "sh":
            yield from block.text.replace("\\\n", " ").splitlines()
    for span in spans(text):
        if re.match(r"(make|python|torchrun|arena [a-z]+) \w", span) and not re.search(r"\b[A-Z]{3,}\b|…", span):
            yield span


# How it is run ------------------------------------------------------------------------------------------------------------------


def run_page(page: Path) -> list[str]:
    """Run the code of a page in the current folder; return one sentence per fault."""
    text, faults = page.read_text(), []
    Path(TAKEN).mkdir()
    Path(f"{TAKEN}.png").touch()
    Path("examples").symlink_to(EXAMPLES)
    Path("my_game.py").write_text((EXAMPLES / "tug_of_war.py").read_text())
    Path("my_rule.py").write_text("\n".join(b.text for b in blocks(text) if "(UpdateRule)" in b.text and b.file is None))
    x, y = np.full((256, 32, 32, 3), 255, np.uint8), np.arange(256, dtype=np.uint8) % 10
    np.savez("my_images.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    Path("flowers.csv").write_text("".join(f"{n % 7}.5,{n},{'ab'[n % 2]}\n" for n in range(40)))
    Path("faces").mkdir()
    for n in range(24):
        Image.fromarray(x[n, :9, : 8 + n % 3]).save(f"faces/{n}.png")
    for block in blocks(text):
        if block.file is not None:
            Path(block.file).write_text(block.text)
    for command in dict.fromkeys(commands(text)):
        words = shlex.split(command, comments=True)
        if words:
            faults += fault_of(shlex.join(words), lambda words=words: run_command(words))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    code = [block.text for block in blocks(text) if block.language == "python" and block.file is None]
    for block in (block for block in code if block.strip() not in (EXAMPLES / "tug_of_war.py").read_text()):
        faults += fault_of(block.strip().splitlines()[-1], lambda block=block: run_python(block, namespace))
    return faults


def fault_of(what: str, run: Callable[[], None]) -> list[str]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            run()
    except DataUnavailable:  # valid, but the data are not on this machine
        return []
    except (Exception, SystemExit) as error:
        return [f"{what.strip()}: {type(error).__name__}: {' '.join(str(error).split())}"]
    return []


def run_python(block: str, namespace: dict[str, Any]) -> None:
    """Run a block. Runs are cut to a few turns, and experiments are planned only."""
    import arena

    short = {"turns": 4, "trace.tensorboard": False}
    play, plain = arena.play, arena.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arena, "play", lambda game, **settings: play(game, **{**settings, **short}), raising=False)
        patch.setattr(arena, "configure", lambda game, settings, *more: plain(game, {**settings, **short}, *more), raising=False)
        for module, name in (("arena", "compare"), ("arena", "play_map"), ("arena.tuning", "sweep")):
            if f"{name}(" in block:
                room = importlib.import_module(module)
                patch.setattr(room, name, planned(getattr(room, name)), raising=False)
        exec(compile(block, "<page>", "exec"), namespace)


def planned(experiment: Callable[..., Any]) -> Callable[..., Any]:
    """Return an experiment that stops after planning, because its folder exists."""

    @wraps(experiment)
    def plan(*arguments: Any, **more: Any) -> Any:
        refuses(lambda: experiment(*arguments, **{**more, "out": TAKEN}))
        return MagicMock()

    return plan


def refuses(run: Callable[[], Any], *names: str) -> None:
    """Expect an error that names a folder or file, by default the one that is taken; raise any other."""
    try:
        run()
    except DataUnavailable:
        raise
    except ArenaError as error:
        if not any(name in str(error) for name in names or (TAKEN,)) and "not installed" not in str(error):
            raise
    else:
        raise AssertionError(f"{(names or (TAKEN,))[0]} was not refused")


def run_command(words: list[str]) -> None:
    program, *rest = words
    if program == "torchrun":
        rest = rest[rest.index("arena.cli") + 1 :]
    if program in ("arena", "torchrun"):
        run_arena(*rest)
    elif program == "make":
        assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) for target in rest), f"no target {rest}"
    elif program == "python" and rest[0] == "-m":
        check_module(*rest[1:])
    elif program == "python":
        assert (ROOT / rest[0]).is_file(), f"no file {rest[0]}"
    else:
        assert program in OTHERS, f"no program {program}"


def run_arena(command: str, *words: str) -> None:
    """Run a command up to the point where it would play."""
    if command.startswith("--"):
        return
    point = next((point for point in entry_points(group="arena.commands") if point.name == command), None)
    assert point is not None, f"no command {command}"
    main = point.load()
    if "--help" in words:
        with contextlib.suppress(SystemExit):
            main(list(words))
    elif command in ("list", "check"):
        assert main(list(words)) == 0
    elif command in PLANNED:
        few = ["--budget", "turns"] if command == "compare" and "--budget" not in words else []  # budgets of gradients play a few turns
        own = [word for place, word in enumerate(words) if "--out" not in (word, words[place - 1] if place else "")]
        files = [word.partition("@")[0] for word in own if word.startswith("runs/") or word.endswith(".pt")]  # which the reader has
        refuses(lambda: main([*own, *few, "--out", f"{TAKEN}.png" if command == "bench" else TAKEN]), TAKEN, *files)
    else:
        named = ["runs"] if command == "runs" else [word for word in words if not word.startswith("--")]
        refuses(lambda: main(list(words)), named[0])


def check_module(module: str, *words: str) -> None:
    """Check that the module exists, and that it or its shared code has the options."""
    if module.partition(".")[0] != "benchmarks":
        return
    place = ROOT.joinpath(*module.split("."))
    file = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
    assert file.is_file(), f"no module {module}"
    source = file.read_text() + "".join(other.read_text() for other in file.parent.glob("regimes.py") if other.stem in file.read_text())
    missing = [word for word in words if word.startswith("--") and f'"{word}"' not in source]
    assert not missing, f"{module} has no option {missing}"


def print_faults(page: Path) -> int:
    """Print the faults of a page; return the exit code."""
    found = run_page(page)
    print("\n".join(found))
    return int(bool(found))
