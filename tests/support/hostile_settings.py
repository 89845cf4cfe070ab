"""Settings as a mistake, a damaged file or a stranger writes them: strategies of hypothesis over the real settings of every game."""

import functools
import math
from typing import Any

from hypothesis import strategies as st

from arena.config import configure
from arena.config.settings import typed_as
from arena.registry import entries
from arena.registry.entries import KINDS

LONG = "ж"
"""A letter that no text of the project has, so that a test can count how much of a long value is repeated."""
GAMES = sorted(entries("game"))
CHOICES = sorted({name for kind in KINDS for name in entries(kind)})
ARGUMENTS = ("inner", "gamma", "steps", "end", "value", "average", "share", "mode", "top", "name", "lr")
ODD_WORDS = (
    *("", " ", ".", "..", "=", "-", "--", ",", ",,", "()", "[", "]", "[]", "{}", "{1: 2}", "[[[]]]", "(", "a(", "a)", "a(b)", "a(b=)"),
    *("nan", "-inf", "1e999", "1e3", "9" * 400, "1_000", "0x10", "٣", "null", "None", "~", "true", "!!python/name:os.system", "&a [*a]"),
    *("mps", "cuda:99", "cuda:-1", "cpu:7", "meta", "xla", "torch.optim.SGD", "math.pi", "os.system", "builtins.dict", "no.such", "a..b"),
    *(
        "a.",
        ".a",
        "torch.",
        ".py",
        "a.py:",
        "no.py:X",
        "/",
        "/dev/zero",
        "a/b.py",
        "a\nb",
        "a\n.b",
        "si\nmul",
        "\x00",
        "\x1b[31m",
        "\ud800",
    ),
    *("a\u2028b", "averaging(inner=averaging(inner=lola))", "averaging(" * 200 + ")" * 200, "[" * 5000, "a." * 3000 + "b", "rule.name"),
    *(
        LONG * 5000,
        "x=" * 99,
        "linear(end=linear(end=1))",
        "constant(value=\n)",
        f"lola({LONG * 500})",
        "a(" + "b=1," * 300 + ")",
        "all,none",
    ),
)
ODD_THINGS = (
    *(None, True, False, 0, -1, 10**400, -(10**30), 1e308, math.nan, math.inf, -0.0, b"bytes", {1, 2}, range(3), 1j, object(), int, len),
)
ODD_KEYS = (
    *(
        None,
        1,
        True,
        1.5,
        ("a", "b"),
        b"turns",
        "",
        ".",
        "..",
        "a..b",
        ".turns",
        "turns.",
        "rule.",
        "rule..name",
        "ру",
        "\n",
        LONG * 999,
        "*.",
    ),
)


def words() -> st.SearchStrategy[str]:
    """Text of a value: names, numbers, odd words, and any text."""
    numbers = st.floats().map(str) | st.integers().map(str)
    return st.one_of(st.sampled_from(ODD_WORDS), st.sampled_from(CHOICES), numbers, st.text(max_size=12))


def values() -> st.SearchStrategy[Any]:
    """Values as YAML or Python can give them, and lists and mappings of them."""
    single = st.one_of(words(), words(), st.sampled_from(ODD_THINGS), st.integers(-3, 99), st.floats())
    several = lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=4), inside, max_size=3)  # noqa: E731
    return st.recursive(single, several, max_leaves=6)


def _mostly(usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any], of: int = 15) -> st.SearchStrategy[Any]:
    return st.integers(1, of).flatmap(lambda number: other if number == of else usual)


@functools.cache
def settings_of(game: str) -> dict[str, Any]:
    """The settings of a game by dotted name, and the places above and beside them, which have no value."""
    flat = configure(game).flat()
    places = {name.rpartition(".")[0] for name in flat} - {""}
    return {**flat, **dict.fromkeys([*sorted(places), "*.lr", "*.optimizer", "game"])}


def of_kind(usual: object) -> st.SearchStrategy[Any]:
    """Values of the type of a setting's usual value, in and out of its range."""
    if isinstance(usual, bool):
        return st.booleans()
    if isinstance(usual, int):
        return st.integers(-2, 40) | st.integers() | st.sampled_from((2**31, 2**63, 2**64, 10**30, 10**400))
    if isinstance(usual, float):
        return st.floats() | st.integers(0, 3) | st.sampled_from((1e308, 5e-324, 10**400))
    if isinstance(usual, (tuple, list)):
        return st.lists(of_kind(usual[0] if usual else ""), max_size=3)
    return st.sampled_from(CHOICES) | st.builds("{}({}={})".format, st.sampled_from(CHOICES), st.sampled_from(ARGUMENTS), words())


@st.composite
def configurations(draw: st.DrawFn) -> tuple[str, dict[Any, Any], list[str]]:
    """A game, settings as data, and words of a command line."""
    game = draw(st.sampled_from(GAMES))
    usual = settings_of(game)
    real = st.sampled_from([*usual])
    broken = st.one_of(st.sampled_from(ODD_KEYS), st.text(max_size=8), st.tuples(real, words()).map(".".join))
    settings: dict[Any, Any] = {}
    line: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(_mostly(real, broken))
        value = draw(_mostly(of_kind(usual.get(name) if isinstance(name, str) else None), values(), of=3))
        form = draw(st.integers(0, 2))
        if form == 0:
            settings[name] = value
        else:
            text = value if isinstance(value, str) else typed_as(value)
            line += [f"--{name}={text}"] if form == 1 else [f"--{name}", text]
    return game, settings, [word for word in line if word not in ("-h", "--help")]
