"""Values of arguments: from text or plain data to the type that a class or function declares."""

import functools
import json
import re
import typing
from argparse import ArgumentError
from inspect import Parameter
from typing import Any

from jsonargparse import ArgumentParser

from arena.errors import ECHO, ArenaError, did_you_mean, shown
from arena.registry.grammar import split

_WHOLE = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e\+?\d{1,2})?", re.IGNORECASE)


def value_of(name: str, parameter: Parameter, given: Any) -> Any:
    """Return a given value in the type of its argument.

    A list may be typed without brackets, and a whole number as 1e3 or 1000.0. None is a value only where the type or the default says so.

    Example:
        >>> def train(turns: int = 1000, betas: tuple[float, float] = (0.9, 0.999), loss: typing.Literal["hinge", "none"] = "none"): ...
        >>> import inspect
        >>> turns, betas, loss = inspect.signature(train).parameters.values()
        >>> value_of("turns", turns, "1e3"), value_of("turns", turns, 500.0), value_of("x.betas", betas, "0.5,1")
        (1000, 500, (0.5, 1.0))
        >>> value_of("turns", turns, "2.5")
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: turns is '2.5', but must be a whole number, such as 1000
        >>> value_of("loss", loss, "hing")
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: loss is 'hing': did you mean 'hinge'?
    """
    kind = parameter.annotation
    if given is None:
        if _takes_none(parameter):
            return given
        raise _kind_error(name, parameter, given, f"Expected a {getattr(kind, '__name__', kind)}. Got value: None")
    if type(given) is kind and kind in (int, float, str, bool):
        return given
    if typing.get_origin(kind) is typing.Literal and isinstance(given, str) and given in typing.get_args(kind):
        return given
    try:
        if isinstance(data := _whole(given) if kind is int else given, str):
            return _parser(kind).parse_args([f"--value={_listed(parameter, data)}"]).value
        return _parser(kind).parse_object({"value": data}).value
    except ArgumentError as error:
        raise _kind_error(name, parameter, given, str(error)) from error
    except OverflowError as error:
        raise ArenaError(f"{name} is {shown(given)}, which is too large for a number with a decimal point") from error


def _takes_none(parameter: Parameter) -> bool:
    kind = parameter.annotation
    return parameter.default is None or kind in (Any, Parameter.empty, None) or type(None) in typing.get_args(kind)


@functools.cache
def _parser(kind: Any) -> ArgumentParser:
    """Return a parser of one type, made once because most settings share a few types."""
    parser = ArgumentParser(exit_on_error=False, default_env=False)
    try:
        parser.add_argument("--value", type=Any if kind is Parameter.empty else kind)
    except ValueError:  # a type that cannot be parsed
        parser.add_argument("--value", type=Any)
    return parser


def _listed(parameter: Parameter, text: str) -> str:
    """Put brackets around a list that was typed without them; commas inside brackets belong to arguments."""
    is_list = isinstance(parameter.default, (tuple, list)) or typing.get_origin(parameter.annotation) in (tuple, list)
    if not is_list or text.lstrip().startswith(("[", "(")):
        return text
    return json.dumps(split(text)) if "(" in text else f"[{text}]"


def _whole(value: Any) -> Any:
    """Return a whole number that was written as 1e3 or 1000.0 in plain digits."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if not isinstance(value, str) or value.isdigit() or not _WHOLE.fullmatch(value):
        return value
    return str(int(float(value))) if float(value).is_integer() else value


def _kind_error(name: str, parameter: Parameter, given: Any, text: str) -> ArenaError:
    """Return jsonargparse's message as one sentence, with the value as it was typed."""
    if typing.get_origin(parameter.annotation) is typing.Literal:
        words = [str(word).lower() if isinstance(word, bool) else str(word) for word in typing.get_args(parameter.annotation)]
        return ArenaError(f"{name} is {shown(given) if isinstance(given, str) else repr(given)}: {did_you_mean(str(given), words)}")
    expected = re.findall(r"Expected an? (.+?)\. Got value: (.*)", text)
    if not expected:
        return ArenaError(" ".join(text.replace('"value"', f'"{name}"').split()))
    kind = expected[0][0].replace("typing.", "").replace("<class '", "").replace("'>", "")
    typed = shown(given) if isinstance(given, str) else f"'{expected[0][1][:ECHO]}'"
    if choices := re.search(r"Literal\[(.*)\]", kind):
        words = [word.strip(" '\"") for word in choices[1].split(",")]
        return ArenaError(f"{name} is {typed}: {did_you_mean(str(given), words)}")
    example = parameter.default
    if isinstance(example, (list, tuple)):
        numbers = any(isinstance(entry, (int, float)) for entry in example)
        wanted = f"{'numbers' if numbers else 'a list'} such as {','.join(map(str, example)) or 'a,b,c'}"
    else:
        wanted = {"int": "a whole number", "float": "a finite number", "bool": "true or false", "str": "text"}.get(kind, kind)
        wanted += f", such as {example}" if example not in ("", None, Parameter.empty) else ""
    return ArenaError(f"{name} is {typed}, but must be {wanted}")
