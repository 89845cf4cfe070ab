"""The grammar of names with arguments, as in `unrolled(steps=3)`, and of lists of them."""

import re

from arena.errors import ArenaError

_CLOSING = {"(": ")", "[": "]", "{": "}"}


def check_brackets(text: str) -> None:
    """Raise if the brackets of a text do not match.

    Example:
        >>> check_brackets("[(1, 2), 3]")
        >>> check_brackets("a)")
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: the brackets of 'a)' do not match, since there is a ')' too many; write it as in unrolled(steps=3)
    """
    wanted: list[str] = []
    wrong = ""
    for letter in text:
        if letter in _CLOSING:
            wanted.append(_CLOSING[letter])
        elif letter in _CLOSING.values() and (not wanted or wanted.pop() != letter):
            wrong = f"there is a '{letter}' too many"
            break
    if wrong or wanted:
        wrong = wrong or f"a '{wanted[-1]}' is missing"
        raise ArenaError(f"the brackets of '{text}' do not match, since {wrong}; write it as in unrolled(steps=3)")


def split(text: str, separator: str = ",") -> list[str]:
    """Return the parts of a list; separators inside brackets do not count.

    Raises:
        ArenaError: Brackets do not match, or a part is empty.

    Example:
        >>> split("simultaneous,unrolled(steps=3,player=1),[64,64]")
        ['simultaneous', 'unrolled(steps=3,player=1)', '[64,64]']
    """
    check_brackets(text)
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
    """Return a name and its arguments.

    Raises:
        ArenaError: The text is not `name` or `name(argument=value, …)`.

    Example:
        >>> parse("extragradient"), parse("averaging(inner=unrolled(steps=3), average=uniform)")
        (('extragradient', {}), ('averaging', {'inner': 'unrolled(steps=3)', 'average': 'uniform'}))
    """
    if re.fullmatch(r"[\w.-]+", text):
        return text, {}
    check_brackets(text)
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
