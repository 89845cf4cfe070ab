"""Draw samples from the generator of a run.

arena sample runs/swiss-roll-1 --count 1000
"""

from collections.abc import Sequence

from arena.errors import ArenaError
from arena.runs.command_line import CommandLine

USAGE = """\
usage: arena sample FOLDER [--count N] [--at last|best|TURN] [--seed N] [--out PATH] [--trust]

Draw samples from the generator of a run: a folder of images with a sheet of all, or a table of points.

  FOLDER       the run folder of a GAN, as `arena play` named it
  --count N    number of samples (default: 64)
  --at WHEN    last (default), best, or a turn that has a checkpoint
  --seed N     seed of the noise (default: 0)
  --out PATH   a new folder or file (default: exports/samples-TURN-SEED in the run folder)
  --trust      import code that the folder names and that is not in the registry"""


def main(arguments: Sequence[str]) -> int:
    line = CommandLine([word for word in arguments if word != "--trust"], USAGE, "arena sample runs/swiss-roll-1 --count 1000")
    if line.exit_code is not None:
        return line.exit_code
    count, seed = (line.pop_number(name, "a whole number, such as 64", least=least) for name, least in (("count", 1), ("seed", 0)))
    options = {"at": line.pop("at"), "out": line.pop("out")}
    if len(line.words) != 1 or line.words[0].startswith("--"):
        given = " ".join(line.words)[:60]
        raise ArenaError(f"expected one run folder, not '{given}'. Fix: arena sample runs/swiss-roll-1 --count 1000")
    from arena.runs.export.sampling import sample

    given_options = {name: word for name, word in options.items() if word}
    print(f"samples  {sample(line.words[0], count or 64, seed=seed or 0, trust='--trust' in arguments, **given_options)}")
    return 0
