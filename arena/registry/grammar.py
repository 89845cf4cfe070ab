"""Names with arguments in one word, as in `unrolled(steps=3)`, and lists of them: `simultaneous,averaging(inner=extragradient)`."""

import re

from arena.errors import ArenaError

_CLOSING = {"(": ")", "[": "]", "{": "}"}


def unbalanced(text: str) -> str | None:
    """What is wrong with the brackets of a text; None where nothing is.

    Example:
        >>> unbalanced("averaging(inner=unrolled(steps=3)"), unbalanced("a)"), unbalanced("[(1, 2), 3]")
        ("a ')' is missing", "there is a ')' too many", None)
    """
    wanted: list[str] = []
    for letter in text:
        if letter in _CLOSING:
            wanted.append(_CLOSING[letter])
        elif letter in _CLOSING.values() and (not wanted or wanted.pop() != letter):
            return f"there is a '{letter}' too many"
    return f"a '{wanted[-1]}' is missing" if wanted else None


def _check_brackets(text: str) -> None:
    if wrong := unbalanced(text):
        raise ArenaError(f"the brackets of '{text}' do not match, since {wrong}; write it as in unrolled(steps=3)")


def called(text: str) -> bool:
    """Whether a word is more than a name: it has arguments, or was to have some."""
    return text.endswith(")") or unbalanced(text) is not None


def split(text: str, separator: str = ",") -> list[str]:
    """The parts of a list, where separators inside brackets do not count.

    Raises:
        ArenaError: where brackets do not match, or a part is empty.

    Example:
        >>> split("simultaneous,unrolled(steps=3,player=1),[64,64]")
        ['simultaneous', 'unrolled(steps=3,player=1)', '[64,64]']
    """
    _check_brackets(text)
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    parts = [part.strip() for part in parts]
    if not all(parts):
        raise ArenaError(f"the list '{text}' has an empty part; write it as in a,b,c")
    return parts


def parse(text: str) -> tuple[str, dict[str, str]]:
    """A name and its arguments.

    Raises:
        ArenaError: where the text is not `name` or `name(argument=value, …)`.

    Example:
        >>> parse("extragradient"), parse("averaging(inner=unrolled(steps=3), average=uniform)")
        (('extragradient', {}), ('averaging', {'inner': 'unrolled(steps=3)', 'average': 'uniform'}))
    """
    _check_brackets(text)
    match = re.fullmatch(r"([^()=]+?)\s*(?:\((.*)\))?", text.strip(), re.DOTALL)
    if match is None:
        raise ArenaError(f"'{text}' is not a name with arguments; write it as in unrolled(steps=3)")
    name, inside = match.groups()
    arguments: dict[str, str] = {}
    for part in split(inside) if inside else []:
        key, given, value = part.partition("=")
        if not given or not re.fullmatch(r"[\w.]+", key.strip()) or not value.strip():
            raise ArenaError(f"'{part}' in '{text}' is not argument=value; write it as in unrolled(steps=3)")
        arguments[key.strip()] = value.strip()
    return name, arguments
