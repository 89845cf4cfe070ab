"""The report of a run: what happened to both players, against turns, moves or gradient evaluations."""

import contextlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.config.config import Config
from arena.config.configure import configure
from arena.config.files import load_file
from arena.config.settings import typed_as
from arena.doctor.diagnosis import Diagnosis, of_rows
from arena.errors import ArenaError, ArenaWarning, typed
from arena.experiments.verdict import Verdict, verdict_of_rows
from arena.plots.traces import family_of
from arena.report.findings import mark, show
from arena.report.images import embedded, frames
from arena.report.page import Page, Panel, number
from arena.report.series import Rows, alarms, axes, panel, rounded, series
from arena.runs.display import command, duration
from arena.runs.environment import FILE
from arena.trace import read_trace
from arena.trace.reading import read_text

KIND = {
    Verdict.CONVERGED: "good",
    Verdict.CONVERGING: "good",
    Verdict.DIVERGED: "bad",
    Verdict.FAILED: "bad",
    Verdict.COLLAPSED: "bad",
}
LN_2 = 0.69315
"""Loss of a domain classifier that tells nothing."""
MEANING = {
    Verdict.CONVERGED: "The last score is close to that of the goal.",
    Verdict.CONVERGING: "The score was still falling at the end: more turns may help.",
    Verdict.CYCLING: "The score or the players' updates go round periodically.",
    Verdict.PLATEAU: "The score stands still, short of the goal, while the players move.",
    Verdict.STUCK: "The players no longer move, short of the goal.",
    Verdict.DIVERGED: "A number was not finite, or the score rose above its beginning.",
    Verdict.NOWHERE: "The score has hardly left its beginning.",
    Verdict.UNDEFINED: "The rule has no answer at a position that the run reached.",
    Verdict.FAILED: "The game or the rule raised an error.",
    Verdict.UNFINISHED: "The run has not ended, or has too few scores to be read.",
}


class RunReport:
    """What a run folder tells, and what it lacks.

    Args:
        folder: The run folder.

    Attributes:
        notes: Sentences about what is missing or damaged.
        config: The configuration; None if it cannot be read.
        rows: The turns of the trace.
        end: The end row of the trace; empty if the run has not ended.
    """

    def __init__(self, folder: Path):
        self.folder, self.notes = folder, list[str]()
        self.config = self._read_config()
        everything = self._read_trace()
        self.end: Mapping[str, Any] = everything[-1] if everything and everything[-1]["kind"] == "end" else {}
        self.rows = [row for row in everything if row["kind"] == "turn"]
        self.alarms = alarms(everything, everything[-1]["turn"] if everything else 0)
        self.roles = self.config.roles if self.config else _roles(self.rows)
        self.ceiling = next((row["ceiling"] for row in self.rows if row.get("ceiling") is not None), None)
        self.diagnosis = of_rows(folder, everything) if everything else Diagnosis(folder, ())
        self.verdict = verdict_of_rows(self.rows, self.end.get("status", "interrupted"))
        if not self.end and everything:
            self.notes.append(f"The run has not ended: this page shows it up to turn {everything[-1]['turn']:,}.")

    @property
    def name(self) -> str:
        """The game's name, or the folder's if the configuration cannot be read."""
        return self.config.game.name if self.config else self.folder.name

    @property
    def score_name(self) -> str:
        return self.config.score_name if self.config else "score"

    def page(self) -> Page:
        """Return the page of this run."""
        page = Page(self.name, str(self.folder))
        page.chips(self._chips())
        page.notes(self.notes)
        sentence = MEANING.get(self.verdict, "")
        page.text(
            f"{self.verdict.capitalize()}. {sentence}" + (f" {_capital(self.end['reason'])}." if self.end.get("reason") else ""), "lead"
        )
        show(page, self.diagnosis)
        if self.alarms:
            page.heading("Alarms")
            shown = [[alarm["name"], alarm["from"], alarm["to"], alarm["reason"]] for alarm in self.alarms]
            page.table(["alarm", "from turn", "to turn", "reason"], shown)
        pictures, notes = self._pictures()
        page.notes(notes)
        if len(self.rows) > 1:
            players, both = self._of_players(), self._of_both()
            panels = [*both, *(made for own in players.values() for made in own)]
            mark(panels, self.diagnosis)
            caption = "Losses are means of the turns between rows, with their 10 % and 90 % quantiles; other numbers are of single turns."
            caption += " Red lines: since when the doctor's evidence holds." * any(panel.get("marks") for panel in panels)
            caption += " Dashed: real data." * (self.ceiling is not None) + " Shaded: an alarm is raised." * bool(self.alarms)
            shared = {"axes": axes(self.rows, self.roles), "alarms": self.alarms}
            page.players(players, both, caption, pictures, **shared)
        else:
            page.text("The trace has too few rows for charts.", "soft")
            page.sheet((f"turn {frame['turn']:,}", frame["images"][0]) for frame in pictures[-1:])
        page.heading("Commands")
        page.commands(self._commands())
        self._settings(page)
        self._machine(page)
        return page

    def of_score(self) -> Panel | None:
        """Return the chart of the score."""
        line = series(self.rows, "score", "score", "ink", width=2)
        levels = [{"name": "real data", "y": rounded(self.ceiling)}] if self.ceiling is not None else []
        return panel(f"score: {self.score_name} (lower is better)", [line], levels=levels)

    # Parts ------------------------------------------------------------------------------------------------------------------

    def _chips(self) -> list[tuple[str, str, str]]:
        status, last = self.end.get("status", "unfinished"), self.rows[-1]["turn"] if self.rows else 0
        chips = [("verdict", str(self.verdict), KIND.get(self.verdict, "warn"))]
        chips += [("status", status, "")] if status != self.verdict else []
        scored = [row for row in self.rows if row.get("score") is not None]
        if scored and status != "diverged":
            ratio = f" · {scored[-1]['score'] / self.ceiling:.2f} × real data" if self.ceiling else ""
            when = f" in turn {scored[-1]['turn']:,}" if scored[-1]["turn"] != last else ""
            chips.append((self.score_name + ratio + when, number(scored[-1]["score"]), ""))
        if scored and scored[-1].get("best") is not None:
            chips.append((f"best, in turn {scored[-1].get('best_turn') or 0:,}", number(scored[-1]["best"]), ""))
        turns = self.config.run.turns if self.config else None
        chips.append((f"of {turns:,} turns" if turns else "turns", f"{last:,}", ""))
        if self.rows and self.rows[-1].get("gradient_evaluations") is not None:
            chips.append(("gradient evaluations", f"{self.rows[-1]['gradient_evaluations']:,}", ""))
        if self.config:
            flat = self.config.flat()
            chips += [("rule", str(flat["rule.name"]), ""), ("scheduler", str(flat["scheduler.name"]), ""), ("seed", str(flat["seed"]), "")]
        return chips

    def _pictures(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the pictures over the turns, or else the last one, and what is wrong with them."""
        made, notes = frames(self.folder)
        if not made and self.end:
            with contextlib.suppress(OSError):
                picture = {"src": embedded(self.folder / "picture.png"), "alt": "the game's last picture"}
                return [{"turn": self.end["turn"], "images": [picture]}], notes
        return made, notes

    def _keys(self, role: str) -> list[str]:
        names = dict.fromkeys(name.removesuffix(".loss") for row in self.rows for name in row if name.endswith(".loss"))
        return [name for name in names if name.partition(".")[0] == role] or [role]

    def _of_players(self) -> dict[str, list[Panel]]:
        found = {}
        for role, colour in zip(self.roles, ("first", "second"), strict=True):
            keys = self._keys(role)
            label = {key: key.partition(".")[2] or "loss" for key in keys}
            colours = {key: colour if len(keys) == 1 else f"c{place}" for place, key in enumerate(keys)}
            panels = [
                panel("loss", [series(self.rows, f"{key}.loss", label[key], colours[key]) for key in keys], role=role),
                panel("gradient norm", [series(self.rows, f"{key}.gradient_norm", label[key], colours[key]) for key in keys], role=role),
                panel("update norm", [series(self.rows, f"{role}.update_norm", "update", colour)], role=role),
                panel(
                    "cosine of successive updates", [series(self.rows, f"{role}.update_cosine", "cosine", colour)], role=role, min=-1, max=1
                ),
                panel("learning rate", [series(self.rows, f"{role}.learning_rate", "learning rate", colour)], role=role),
                panel("share of the rate", [series(self.rows, f"{role}.share", "share", colour)], role=role, min=0),
            ]
            found[role] = [made for made in panels if made is not None and not _constant(made, ("learning rate", "share of the rate"))]
        return found

    def _of_both(self) -> list[Panel]:
        recorded = dict.fromkeys(name for row in self.rows for name in row)
        own: dict[str, list[str]] = {}
        for name in recorded:
            if name.startswith("game."):
                own.setdefault(family_of(name[5:]), []).append(name)
        panels = [self.of_score()]
        for family, names in own.items():
            lines = [series(self.rows, name, name[5:].replace("_", " "), colour) for name, colour in zip(names, _COLOURS, strict=False)]
            if family == "D":
                half = [{"name": "½", "y": 0.5}]
                panels.append(panel("the discriminator's mean probability", lines[:2], min=0, max=1, levels=half) if lines else None)
            else:
                levels = [{"name": "ln 2", "y": LN_2}] if any("domain" in name and "loss" in name for name in names) else []
                alone = f"{names[0][5:]} of a batch" if f"metrics.{names[0][5:]}" in recorded else names[0][5:]
                title = family if len(names) > 1 else alone
                panels.append(panel(title.replace("_", " "), lines, levels=levels))
        ceilings = {name[9:]: row[name] for row in self.rows for name in row if name.startswith("ceilings.") and row[name] is not None}
        for name in recorded:
            if name.startswith("metrics."):
                levels = [{"name": "real data", "y": rounded(ceilings[name[8:]])}] if name[8:] in ceilings else []
                panels.append(panel(name[8:].replace("-", " "), [series(self.rows, name, name[8:], "ink")], levels=levels))
        panels.append(panel("coupling λ", [series(self.rows, "coupling", "coupling", "ink")], min=0))
        for name in recorded:
            if name.startswith(("rule.", "diagnostics.")) and not name.endswith(".failure"):
                panels.append(panel(name.partition(".")[2].replace("_", " "), [series(self.rows, name, name.rpartition(".")[2], "ink")]))
        return [made for made in panels if made is not None and not _constant(made, ("coupling λ",))]

    def _commands(self) -> dict[str, str]:
        arena, folder, config = command("arena"), typed(self.folder), typed(self.folder / "config.yaml")
        found = {"repeat it": f"{arena} play --config {config}"}
        if not self.end:
            found = {"continue it": f"{arena} resume {folder}", **found}
        if self.config:
            role = self.roles[0]
            rate = self.config.flat().get(f"{role}.lr")
            found["other rules"] = f"{arena} compare --config {config} --vary rule=simultaneous,extragradient,optimistic --seeds 3"
            if rate:
                found["other rates"] = f"{arena} sweep --config {config} --vary '*.lr=log:{rate / 10:.3g}:{rate * 10:.3g}' --seeds 3"
        found["look closer"] = f"{arena} tensorboard {folder}"
        return found

    def _settings(self, page: Page) -> None:
        if self.config is None:
            return
        flat = self.config.flat()
        recipe: Mapping[str, Any] = {}
        with contextlib.suppress(ArenaError):
            recipe = configure(self.config.game.name, {}).flat()
        rows = [
            [name, typed_as(value), typed_as(recipe[name]) if name in recipe else "–"] for name, value in flat.items() if name != "game"
        ]
        changed = [place for place, row in enumerate(rows) if row[1] != row[2]] if recipe else []
        page.heading("Settings")
        if changed:
            page.table(["changed", "here", "recipe"], [rows[place] for place in changed], sortable=False)
        else:
            page.text("All settings are those of the game's recipe.")
        with page.details(f"all {len(rows)} settings"):
            page.table(["setting", "here", "recipe"], rows, marked=changed)

    def _machine(self, page: Page) -> None:
        try:
            records = json.loads(read_text(self.folder / FILE))
            last = records[-1]
            rows = [[r["started"], r.get("seconds"), r["host"], r["device"], r["python"]] for r in records]
            packages = ", ".join(f"{name} {version}" for name, version in last["packages"].items())
            about = f"arena {last['version']}" + (f", commit {last['commit'][:10]}" if last.get("commit") else "")
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            page.notes([f"{FILE} is missing or damaged: where and when the run was played is not known."])
            return
        page.heading("Versions and machine")
        page.text(f"{about}; {packages}.")
        page.table(["started", "seconds", "host", "device", "Python"], rows, sortable=False)

    # Reading ----------------------------------------------------------------------------------------------------------------

    def _read_config(self) -> Config | None:
        try:
            settings = load_file(self.folder / "config.yaml")
            return configure(str(settings.get("game")), settings)
        except (ArenaError, OSError) as error:
            self.notes.append(f"The configuration cannot be used: {error}.")
            return None

    def _read_trace(self) -> list[dict[str, Any]]:
        file = self.folder / "trace.jsonl"
        if not file.exists():
            self.notes.append("trace.jsonl is missing: there are no charts.")
            return []
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", ArenaWarning)
                rows = read_trace(file)
        except (ArenaError, OSError) as error:
            self.notes.append(f"The trace cannot be read: {error}.")
            return []
        self.notes += [f"{_capital(str(warning.message))}." for warning in caught]
        return rows


def verdict_in_words(folder: Path) -> str:
    """Return the verdict on a run that has ended, with its meaning; nothing for an experiment, which has one for each run."""
    file = folder / "trace.jsonl"
    rows = read_trace(file) if file.is_file() else []
    if not rows or rows[-1]["kind"] != "end":
        return ""
    verdict = verdict_of_rows([row for row in rows if row["kind"] == "turn"], rows[-1]["status"])
    meaning = MEANING[verdict].removesuffix(".")
    return f"{verdict}: {meaning[:1].lower()}{meaning[1:]}"


_COLOURS = ("second", "first", "c2", "c3", "c4", "c5", "c6", "c7")


def _roles(rows: Rows) -> tuple[str, str]:
    """Return the roles that a trace names."""
    names = [*dict.fromkeys(name.removesuffix(".moves") for row in rows for name in row if name.endswith(".moves"))]
    return (names[0], names[1]) if len(names) == 2 else ("first player", "second player")


def _constant(made: Panel, titles: Sequence[str]) -> bool:
    """Whether a chart of one of these titles shows one number only, which the settings name already."""
    return made["title"] in titles and len({value for line in made["series"] for value in line["y"][1:]}) < 2


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".")


def foot(seconds: float | None = None) -> str:
    """Return the last line of a page."""
    took = f" in {duration(seconds)}" if seconds is not None else ""
    return f"Written by arena report{took}. This file is complete: it opens without a network."
