"""Write a player of a run into a file that needs nothing of this package.

arena export runs/swiss-roll-1 generator
arena export runs/swiss-roll-1 generator --to onnx --at best
"""

from collections.abc import Sequence

from arena.errors import ArenaError
from arena.runs.command_line import CommandLine

USAGE = """\
usage: arena export FOLDER ROLE [--to FORMAT] [--at last|best|TURN] [--out FILE] [--trust]

Write a player of a run into a file, with a card beside it that says what it is and how to load it. Where the rule keeps an average, the
average is written, which the score judges.

  FOLDER        a run folder, as `arena play` named it
  ROLE          such as generator
  --to FORMAT   pt (default) or safetensors: the weights; exported (torch.export) or onnx: the weights with the code
  --at WHEN     last (default), best, or a turn that has a checkpoint
  --out FILE    the file, which must not exist (default: exports/ROLE-TURN with the format's ending, in the run folder)
  --trust       import code that the folder names and that is not in the registry"""


def main(arguments: Sequence[str]) -> int:
    line = CommandLine([word for word in arguments if word != "--trust"], USAGE, "arena export runs/swiss-roll-1 generator")
    if line.exit_code is not None:
        return line.exit_code
    options = {name: line.pop(name) for name in ("to", "at", "out")}
    if len(line.words) != 2 or any(word.startswith("--") for word in line.words):
        given = " ".join(line.words)[:60]
        raise ArenaError(f"expected a run folder and a role, not '{given}'. Fix: arena export runs/swiss-roll-1 generator")
    from arena.runs.export import export

    file, card = export(*line.words, trust="--trust" in arguments, **{name: word for name, word in options.items() if word})
    print(f"player  {file}\ncard    {card}")
    return 0
