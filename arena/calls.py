"""Names with arguments in one word, as in `unrolled(steps=3)`, and lists of them: `simultaneous,averaging(inner=extragradient)`."""

import re

from arena.errors import ArenaError


def split(text: str, separator: str = ",") -> list[str]:
    """The parts of a list, where separators inside brackets do not count.

    Raises:
        ArenaError: where brackets do not match, or a part is empty.

    Example:
        >>> split("simultaneous,unrolled(steps=3,player=1),[64,64]")
        ['simultaneous', 'unrolled(steps=3,player=1)', '[64,64]']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            break
        if letter == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    if depth != 0:
        raise ArenaError(f"the brackets of '{text}' do not match; write them as in unrolled(steps=3)")
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
