"""Write a player of a run into a file that needs nothing of this package, with a card beside it."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from torch import nn

from arena.errors import ArenaError, typed
from arena.registry.plug_ins import plug_in
from arena.runs.environment import FILE
from arena.runs.export.loading import At, Loaded, example_of, load, player_of
from arena.trace import read_trace
from arena.trace.reading import read_text
from arena.trace.writing import write_whole

GROUP = "arena.exports"


@dataclass(frozen=True)
class Format:
    """A format of an exported player. A package adds one in the entry-point group `arena.exports`.

    Args:
        suffix: End of the file's name.
        data: Returns the bytes, from the player, an example of its arguments, and the facts of the card.
        loads: Lines of Python that load a file of a given name.
    """

    suffix: str
    data: Callable[[nn.Module, Callable[[], tuple[Any, ...]], dict[str, str]], bytes]
    loads: str


def formats() -> list[str]:
    """Return the names of all formats.

    Example:
        >>> formats()
        ['exported', 'onnx', 'pt', 'safetensors']
    """
    return sorted(point.name for point in entry_points(group=GROUP))


def export(
    run: str | Path, role: str, to: str = "pt", at: At = "last", out: str | Path | None = None, *, trust: bool = False
) -> tuple[Path, Path]:
    """Write a player into a file, and its card into another; return both paths.

    Args:
        run: Run folder.
        role: Such as `generator`.
        to: `pt` or `safetensors` for the weights; `exported` (`torch.export`) or `onnx` for the weights with the code.
        at: `last`, `best`, or a turn that has a checkpoint.
        out: The file; by default `ROLE-TURN` with the format's ending, in the folder `exports` of the run.
        trust: Import code that the folder names and that is not in the registry.

    Raises:
        UnknownName: There is no such role or format.
        ArenaError: The player cannot be written in this format, a package is missing, or the file exists.
    """
    form: Format = plug_in(GROUP, "format", to, extra="export")
    loaded = load(run, at, trust=trust)
    player = player_of(loaded, role)
    file = Path(out) if out is not None else Path(run) / "exports" / f"{role}-{loaded.turn:08d}{form.suffix}"
    card = file.with_name(file.name + ".md")
    if file.exists():
        raise ArenaError(f"{file} exists already, and an export never overwrites; choose another --out")
    facts = _facts(loaded, Path(run), role)
    data = form.data(player, lambda: example_of(loaded, role), facts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, data)
        write_whole(card, _card(loaded, player, facts, form.loads.format(file=file.name)))
    except OSError as error:
        raise ArenaError(f"{file} cannot be written ({error.strerror}); choose another --out") from error
    return file, card


def _facts(loaded: Loaded, run: Path, role: str) -> dict[str, str]:
    """Return what is known of a player, for its card and for the formats that keep such words."""
    facts = {"game": loaded.config.game.id, "role": role, "turn": str(loaded.turn), "weights": loaded.judged}
    rows = [row for row in read_trace(run) if row["kind"] == "turn"] if (run / "trace.jsonl").is_file() else []
    at = next((row for row in reversed(rows) if row["turn"] == loaded.turn and row.get("score") is not None), None)
    if at is not None:
        facts["score"] = f"{at['score']:.6g}" + (f" (real data {at['ceiling']:.6g})" if at.get("ceiling") else "")
        facts["score is"] = loaded.config.score_name
    try:
        played = json.loads(read_text(run / FILE))[-1]
        facts |= {"arena": str(played["version"]), "torch": str(played["packages"]["torch"])}
        facts |= {"commit": str(played["commit"])} if played.get("commit") else {}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        pass  # the folder has lost its record; the card has what is left
    return facts


def _card(loaded: Loaded, player: nn.Module, facts: dict[str, str], loads: str) -> str:
    """Return the card of an exported player in Markdown."""
    count = sum(p.numel() for p in player.parameters())
    made = io.StringIO()
    made.write(f"# The {facts['role']} of {loaded.config.game.name}\n\n")
    made.write("".join(f"- {name}: {value}\n" for name, value in facts.items()))
    made.write(f"- parameters: {count:,}\n\n")
    made.write(
        f"```python\n{loads}\n```\n\n## Module\n\n```\n{player}\n```\n\n## Settings of the run\n\n```yaml\n{loaded.config.dump()}```\n"
    )
    made.write(f"\nPlay it again: `arena play --config {typed(loaded.file.parent.parent / 'config.yaml')}`\n")
    return made.getvalue()
