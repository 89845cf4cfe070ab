"""Measure the doctor: plant each ailment, count how often it is among the first two findings, and play what is prescribed.

    python -m benchmarks.doctor                            # seeds 10 to 14, by which nothing was chosen: some hundred short plays
    python -m benchmarks.doctor --seeds 0-1                # the seeds on which the thresholds were set
    python -m benchmarks.doctor --ailments few-modes,too-short
    python -m benchmarks.doctor --share 1/2                # play the first half of the runs, so that two machines can share them
    python -m benchmarks.doctor --out FOLDER               # where the runs are kept, and not played again (default: build/doctor)

A finding is right if the planted cause is among the first two. A healthy run is left alone if nothing is found. A prescription helps if the
late score of the run with the prescribed change is lower than that of the ailing run by more than the seeds' spread: the standard deviation
over the seeds of the cured scores or, if that is larger, of the game's healthy scores. What is prescribed for the planted ailment is
played, or else the first prescription; without one, it has not helped. A diverged run has the score ∞.
"""

import argparse
import json
import math
import platform
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from arena.doctor.base import Finding
from arena.doctor.case import Case
from arena.doctor.diagnosis import diagnose
from arena.trace.jsonl import rows_and_damage
from benchmarks import processor
from benchmarks.doctor.cases import HEALTHY, PLANTED, Plant
from benchmarks.doctor.few_images import write_data
from benchmarks.doctor.playing import Job, folder_of, job_of, play_all

FIRST = 2
"""Findings among which the planted cause has to be."""


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="10-14")
    parser.add_argument("--ailments", default="")
    parser.add_argument("--share", default="1/1")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/doctor"))
    options = parser.parse_args()
    low, _, high = options.seeds.partition("-")
    seeds = range(int(low), int(high or low) + 1)
    wanted = options.ailments.split(",") if options.ailments else []
    plants = [plant for plant in PLANTED if not wanted or plant.ailment in wanted]
    healthy = HEALTHY if not wanted or "healthy" in wanted else []
    part, _, parts = options.share.partition("/")
    write_data()
    jobs = [job_of(plant.game, plant.settings(seed)) for plant in [*plants, *healthy] for seed in seeds]
    play_all(jobs[int(part) - 1 :: int(parts)], options.out, options.processes)
    found = {(plant, seed): _found(plant, seed, options.out) for plant in [*plants, *healthy] for seed in seeds}
    cures = {key: cure for key, findings in found.items() if key[0].ailment != "healthy" and (cure := _cure(*key, findings)) is not None}
    play_all([*cures.values()][int(part) - 1 :: int(parts)], options.out, options.processes)
    print(table(plants, healthy, seeds, found, cures, options.out))


Found = Mapping[tuple[Plant, int], Sequence[Finding]]


def table(plants: Sequence[Plant], healthy: Sequence[Plant], seeds: range, found: Found, cures: Mapping, out: Path) -> str:  # type: ignore[type-arg]
    """Return the confusion table and the three numbers."""
    lines = [
        "| planted | in | among the first two | first finding | helped | score, ailing → cured (medians) |",
        "|---|---|---|---|---|---|",
    ]
    spreads = {plant.game: _spread([_score(job_of(plant.game, plant.settings(seed)), out) for seed in seeds]) for plant in healthy[::-1]}
    right, helped, total = 0, 0, 0
    for ailment in dict.fromkeys(plant.ailment for plant in plants):
        own = [plant for plant in plants if plant.ailment == ailment]
        hits, firsts, helps, before, after = 0, Counter[str](), 0, list[float](), list[float]()
        for plant in own:
            ailing = {seed: _score(job_of(plant.game, plant.settings(seed)), out) for seed in seeds}
            cured = {seed: _score(cures[plant, seed], out) if (plant, seed) in cures else math.nan for seed in seeds}
            spread = max(_spread([*cured.values()]), spreads.get(plant.game, 0.0))
            for seed in seeds:
                names = [finding.ailment for finding in found[plant, seed]]
                hits += ailment in names[:FIRST]
                firsts[names[0] if names else "nothing"] += 1
                helps += cured[seed] < ailing[seed] - spread
                before, after = [*before, ailing[seed]], [*after, cured[seed]]
        count = len(own) * len(seeds)
        right, helped, total = right + hits, helped + helps, total + count
        told = ", ".join(f"{name} {number}" for name, number in firsts.most_common())
        games = ", ".join(dict.fromkeys(plant.game.rpartition(".")[2] for plant in own))
        scores = f"{statistics.median(before):.3g} → {np.nanmedian(after):.3g}" if np.isfinite(after).any() else "–"
        lines.append(f"| {ailment} | {games} | {hits} of {count} | {told} | {helps} of {count} | {scores} |")
    wrong = {(plant, seed): found[plant, seed] for plant in healthy for seed in seeds if found[plant, seed]}
    alone, of = len(healthy) * len(seeds) - len(wrong), len(healthy) * len(seeds)
    blamed = ", ".join(f"{name} {number}" for name, number in Counter(findings[0].ailment for findings in wrong.values()).most_common())
    games = ", ".join(dict.fromkeys(plant.game for plant in healthy))
    if healthy:
        lines.append(f"| nothing (healthy) | {games} | {alone} of {of} left alone | {blamed or '–'} | – | – |")
    rate = lambda number, whole: f"{100 * number / max(whole, 1):.1f} % ({number} of {whole})"  # noqa: E731
    lines += ["", f"Seeds {seeds[0]} to {seeds[-1]}:", f"- the planted cause is among the first two findings in {rate(right, total)}"]
    ill = sum(_is_far(job_of(plant.game, plant.settings(seed)), out) for plant in healthy for seed in seeds)
    silent = f"{ill} of these {of} runs ended far from good nevertheless, so that silence about them is no success"
    lines += [f"- healthy runs are left alone in {rate(alone, of)}; healthy means by their settings: {silent}"] if healthy else []
    lines += [f"- the prescribed change improves the score by more than the seeds' spread in {rate(helped, total)}", ""]
    lines.append(f"{processor()}, Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}.")
    misses = defaultdict(list)
    for (plant, seed), findings in found.items():
        names = [finding.ailment for finding in findings]
        if (plant.ailment == "healthy" and names) or (plant.ailment != "healthy" and plant.ailment not in names[:FIRST]):
            own = {name: value for name, value in plant.settings(seed).items() if plant.base.get(name) != value}
            misses[plant.ailment].append(f"{plant.game} {own}: {', '.join(names) or 'nothing'}")
    return "\n".join([*lines, "", "Missed:", *(f"- {name}: {line}" for name, own in misses.items() for line in own)])


def _found(plant: Plant, seed: int, out: Path) -> Sequence[Finding]:
    folder = folder_of(job_of(plant.game, plant.settings(seed)), out)
    return diagnose(folder).findings if (folder / "trace.jsonl").is_file() else ()


def _cure(plant: Plant, seed: int, findings: Sequence[Finding]) -> Job | None:
    """Return the run with the prescribed change; None without a prescription."""
    prescribed = [finding for finding in findings if finding.change]
    chosen = next((finding for finding in prescribed[:FIRST] if finding.ailment == plant.ailment), prescribed[0] if prescribed else None)
    if chosen is None:
        return None
    settings = {**plant.settings(seed)}
    roles = {name.partition(".")[0] for name in chosen.change if "." in name}
    for name, value in plant.settings(seed).items():  # `*.lr` is the rate of both players
        if name.startswith("*.") and any(f"{role}{name[1:]}" in chosen.change for role in roles):
            del settings[name]
            from arena.config import configure

            settings |= {f"{role}{name[1:]}": value for role in configure(plant.game).roles}
    if "coupling.value" in chosen.change:
        settings.pop("coupling", None)
    rule = {"scheduler.ratio"} if "scheduler" in chosen.change else set()
    return job_of(plant.game, {**{name: value for name, value in settings.items() if name not in rule}, **chosen.change})


def _score(job: Job, out: Path) -> float:
    """Return the late score of a run; ∞ if it diverged or failed."""
    file = folder_of(job, out) / "trace.jsonl"
    rows, _ = rows_and_damage(file)
    if not rows or rows[-1]["kind"] != "end" or rows[-1]["status"] == "diverged":
        return math.inf
    score = Case([row for row in rows if row["kind"] == "turn"], json.loads(job[1])).late("score", 0.8)
    return score if math.isfinite(score) else math.inf


def _is_far(job: Job, out: Path) -> bool:
    rows, _ = rows_and_damage(folder_of(job, out) / "trace.jsonl")
    return Case([row for row in rows if row["kind"] == "turn"], json.loads(job[1])).far


def _spread(scores: Sequence[float]) -> float:
    finite = [score for score in scores if math.isfinite(score)]
    return statistics.stdev(finite) if len(finite) > 1 else 0.0


if __name__ == "__main__":
    main()
