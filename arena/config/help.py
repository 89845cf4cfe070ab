"""The help page of a game: its settings with their types, defaults and documentation."""

from argparse import SUPPRESS
from collections.abc import Callable
from inspect import Parameter
from typing import Any

import docstring_parser
from jsonargparse import ArgumentParser

from arena.config.form import Form
from arena.registry.entries import Entry, entries


def print_help(game: Entry, form: Form) -> None:
    """Print the settings of a form, in the order in which they are written to `config.yaml`."""
    parser = ArgumentParser(usage=SUPPRESS, description=game.summary, default_env=False, add_help=False)
    titles = [f"the game: {game.name}", "the run"]
    for number, section in enumerate(form.sections):
        prefix, summary = section.prefix.removesuffix("."), None
        if section.choice is not None:
            component, entry = section.choice
            prefix, summary = component.short, entry.summary
            prefix += f": {entry.id}  (--{component.short} NAME; there are {', '.join(entries(component.kind))})"
        group = parser.add_argument_group(titles[number] if number < len(titles) else prefix, summary)
        if section.choice is not None:
            group.add_argument(f"--{component.key}", type=str, default=entry.id, metavar="NAME", help=f"name of the {component.kind}")
        documentation = documented(section.target)
        for argument, parameter in section.parameters.items():
            name = section.prefix + argument
            kind: Any = Any if parameter.annotation is Parameter.empty else parameter.annotation
            default = form.values[name]
            more = {} if default is Parameter.empty else {"default": default}
            group.add_argument(f"--{name}", type=kind, help=documentation.get(argument, ""), **more)
    parser.print_help()


def documented(target: Callable[..., Any]) -> dict[str, str]:
    """Return the documentation of the arguments of a class or function, with the inherited ones.

    Example:
        >>> from arena.schedules import linear
        >>> documented(linear)
        {'start': 'Value at p = 0.', 'end': 'Value at p = 1.'}
    """
    documentation: dict[str, str] = {}
    for cls in getattr(target, "__mro__", (target,)):
        for text in (vars(cls).get("__doc__", cls.__doc__), getattr(vars(cls).get("__init__"), "__doc__", None)):
            if text and cls is not object:
                documentation = {
                    p.arg_name: " ".join((p.description or "").split()) for p in docstring_parser.parse(text).params
                } | documentation
    return documentation
