"""The table of the adaptation literature: source-only, adapted and target-only training, with the gain and published numbers.

    gain      target accuracy − that of source-only training, in points, with the same other settings
    of gap    gain / (accuracy of target-only training − that of source-only training)

Published numbers are target-test accuracies in percent, as the papers print them. Those in brackets are from memory of the
papers: verify them before citing them.

    DANN     Y. Ganin et al., arXiv:1505.07818                    ADDA    E. Tzeng et al., arXiv:1702.05464
    MCD      K. Saito et al., arXiv:1712.02560                    G2A     S. Sankaranarayanan et al., arXiv:1704.01705
    CDAN     M. Long et al., arXiv:1705.10667, whose table has the [DANN] of MNIST ↔ USPS
"""

import math
import statistics
from collections.abc import Mapping, Sequence

from arena.core.result_table import ResultTable, VariantResult

ACCURACY = "metrics.target-accuracy"
CROSS_ENTROPY = "metrics.target-cross-entropy"

PUBLISHED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("svhn", "mnist"): {
        "source-only": "54.9 (DANN), 60.1 (ADDA), 71 (G2A)",
        "dann": "73.9",
        "generate-to-adapt": "92.4",
        "real-fake": "79",
        "others": "ADDA 76.0, MCD 96.2",
        "target-only": "99.2",
    },
    ("mnist", "mnist-m"): {"source-only": "52.3", "dann": "76.7", "others": "reproductions of DANN 71.9 to 91", "target-only": "[96.0]"},
    ("syn-numbers", "svhn"): {"source-only": "86.7", "dann": "91.1", "target-only": "[92.2]"},
    ("mnist", "usps"): {
        "source-only": "75.2",
        "dann": "[90.4]",
        "generate-to-adapt": "95.3",
        "others": "ADDA 89.4, [MCD 94.2]",
        "target-only": "97.0",
    },
    ("usps", "mnist"): {
        "source-only": "57.1",
        "dann": "[94.7]",
        "generate-to-adapt": "90.8",
        "others": "ADDA 90.1, [MCD 94.1]",
        "target-only": "99.2",
    },
}
"""By source and target, then by regime; the regime `adapt` has the name of the game."""


def table(variants: Sequence[VariantResult], method: str) -> ResultTable | None:
    """Return the table of the variants of a game (`method`), or None if the regime does not vary."""
    if not all("regime" in variant.varied for variant in variants):
        return None
    beside = [*dict.fromkeys(name for variant in variants for name in variant.varied if name != "regime")]
    several = any(variant.runs > 1 for variant in variants)
    labelled = any(variant.values(ACCURACY) for variant in variants)
    rows, known = [], False
    for variant in variants:
        regime = variant.varied["regime"]
        alike = {v.varied["regime"]: v for v in variants if all(v.varied.get(name) == variant.varied.get(name) for name in beside)}
        reported = published(str(variant.settings.get("source")), str(variant.settings.get("target")), regime, method)
        known |= reported != "–"
        rows.append(
            [
                *(variant.varied.get(name, "–") for name in beside),
                regime,
                _accuracy(variant, several),
                _mean(variant, CROSS_ENTROPY),
                gain(variant, alike.get("source-only")),
                _of_gap(variant, alike.get("source-only"), alike.get("target-only")),
                reported,
                verdict(variant, alike.get("source-only")),
            ]
        )
    accuracy = "target accuracy %" + (" (mean ± SD)" if several else "")
    head = [*beside, "regime", accuracy, "cross-entropy", "gain", "of gap", "published", "verdict"]
    return ResultTable(head, rows, _notes(variants, known=known, labelled=labelled))


def published(source: str, target: str, regime: str, method: str) -> str:
    """Return published numbers for a pair of domains, as text.

    Example:
        >>> published("mnist", "usps", "adapt", "dann"), published("moons", "rotated-moons", "adapt", "dann")
        ('[90.4]; ADDA 89.4, [MCD 94.2]', '–')
    """
    of_pair = PUBLISHED.get((source, target), {})
    if regime != "adapt":
        return of_pair.get(regime, "–")
    return "; ".join(of_pair[name] for name in (method, "others") if name in of_pair) or "–"


def gain(variant: VariantResult, base: VariantResult | None) -> str:
    """Return the gain over source-only training in points of accuracy."""
    more = _more(variant, base)
    return "–" if more is None else f"{more:+.1f}"


def verdict(variant: VariantResult, base: VariantResult | None) -> str:
    """Return whether a variant is better or worse than source-only, and whether by more than two standard errors of the difference.

    Example:
        >>> of = lambda *seen: VariantResult({"regime": "?"}, {}, [{ACCURACY: a} for a in seen], len(seen))
        >>> verdict(of(0.61), of(0.713)), verdict(of(0.7, 0.8), of(0.6, 0.8))
        ('worse than source-only, in one seed', 'better than source-only, within the spread of the seeds')
    """
    if len(variant.ends) < variant.runs:  # some diverged, or were interrupted
        return f"{variant.runs - len(variant.ends)} of {variant.runs} runs did not end"
    more = _more(variant, base)
    if more is None or base is None:
        return "–"
    word = "better than source-only" if more > 0 else "worse than source-only" if more < 0 else "the same as source-only"
    samples = [v.values(ACCURACY) for v in (variant, base)]
    if more and all(len(values) > 1 for values in samples):
        error = 100 * math.sqrt(sum(statistics.variance(values) / len(values) for values in samples))
        word += ", within the spread of the seeds" if abs(more) < 2 * error else ""
    elif more:
        word += ", in one seed"
    return word


def _more(variant: VariantResult, base: VariantResult | None) -> float | None:
    here, other = variant.spread(ACCURACY), base.spread(ACCURACY) if base is not None else None
    return None if base is variant or here is None or other is None else 100 * (here[0] - other[0])


def _of_gap(variant: VariantResult, base: VariantResult | None, best: VariantResult | None) -> str:
    more, most = _more(variant, base), None if best is None else _more(best, base)
    return "–" if best is variant or more is None or most is None or most <= 0 else f"{100 * more / most:.0f} %"


def _accuracy(variant: VariantResult, several: bool) -> str:
    spread = variant.spread(ACCURACY)
    if spread is None:
        return "–"
    return f"{100 * spread[0]:.1f}" + (f" ± {100 * spread[1]:.1f}" if several else "")


def _mean(variant: VariantResult, field: str) -> str:
    spread = variant.spread(field)
    return "–" if spread is None else f"{spread[0]:.2f}"


def _notes(variants: Sequence[VariantResult], *, known: bool, labelled: bool) -> list[str]:
    settings = variants[0].settings
    pair = "" if {"source", "target"} & {*variants[0].varied} else f"{settings.get('source')} → {settings.get('target')}: "
    if not labelled:
        return [f"{pair}the target has no labels, so that no accuracy can be measured."]
    notes = [f"{pair}the target's test set, the last weights, no target label used for adapting; seeds: {variants[0].runs}."]
    if all(variant.varied["regime"] != "source-only" for variant in variants):
        notes.append("Gain and verdict need the regime source-only beside the others.")
    if known:
        notes.append("Published numbers are those of the papers' nets and budgets; those in square brackets are from memory of the papers.")
    return notes
