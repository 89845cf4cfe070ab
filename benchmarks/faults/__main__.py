"""Faults made on purpose, and how many of them are survived.

    python -m benchmarks.faults                                # the whole table: about an hour on two cores
    python -m benchmarks.faults --share 0.1                    # a tenth of each
    python -m benchmarks.faults --only traces configurations   # these rows

A fault is survived if the experiment goes on and ends with the bytes of one to which nothing happened, or told if it ends in one sentence
with exit code 1 or 2 and nothing is lost. Anything else is printed with the number that repeats it (`--only ROW --first NUMBER`), and the
exit status is 1. The rows are those of the files in this folder with a function `faults`. Kills are of real processes; damaged files are
read in this process by the command line.
"""

import argparse
import importlib
import pkgutil
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import benchmarks.faults
from benchmarks.faults import Fault, Unbroken


def all_faults(unbroken: Unbroken) -> list[Fault]:
    """Return all rows of the table: those of every file of this folder that has a function `faults`."""
    names = [f"benchmarks.faults.{module.name}" for module in pkgutil.iter_modules(benchmarks.faults.__path__) if module.name != "__main__"]
    return [fault for name in names if (rows := getattr(importlib.import_module(name), "faults", None)) for fault in rows(unbroken)]


def measure(fault: Fault, share: float, first: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Make a fault many times; return how often it was survived and told, and what went wrong."""
    found, wrong = Counter[str](), []
    for number in range(first, first + max(1, round(share * fault.times))):
        place = folder / f"{number}"
        place.mkdir()
        try:
            result = fault.attempt(place, random.Random(f"{fault.name} {number}"))  # noqa: S311  # repeatable
        except Exception as error:
            result = f"{type(error).__name__}: {str(error)[:300]}"
        found[result if result in ("survived", "told") else "lost"] += 1
        if result not in ("survived", "told"):
            wrong.append(f"{fault.name} {number}: {result}")
        shutil.rmtree(place)
    return found, wrong


def run() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="share of the attempts of the whole table")
    parser.add_argument("--only", nargs="*", help="rows")
    parser.add_argument("--first", type=int, default=0, help="number of the first attempt")
    options = parser.parse_args()
    everything: list[str] = []
    print(
        "| fault | how it is made | times | goes on, same bytes | told in a sentence | else | test |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as temporary:
        unbroken = Unbroken(Path(temporary))
        for number, fault in enumerate(all_faults(unbroken)):
            if options.only and fault.name not in options.only:
                continue
            folder = Path(temporary) / f"row-{number}"
            folder.mkdir()
            found, wrong = measure(fault, options.share, options.first, folder)
            counts = f"{found.total():,} | {found['survived']:,} | {found['told']:,} | {found['lost']:,}"
            print(f"| {fault.name} | {fault.how} | {counts} | `{fault.test}` |", flush=True)
            everything += wrong
    for line in everything:
        print(line, file=sys.stderr)
    return 1 if everything else 0


if __name__ == "__main__":
    sys.exit(run())
