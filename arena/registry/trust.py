"""Which code outside the registry may be imported.

A name in Python code or on the command line is its author's own. A name in a file (a configuration, a plan, the config.yaml of a run) may
come from a stranger, and importing is executing: it is imported only if the command line names it too, with `--trust`, or if the file's
folder was made here by this user from code with that name. Such a folder holds `code.json`: the names, signed with a key that never leaves
the user's state folder.
"""

import contextlib
import functools
import hashlib
import hmac
import importlib.util
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import ParamSpec, TypeVar

from arena.errors import Untrusted
from arena.trace.reading import read_text
from arena.trace.writing import write_whole

P = ParamSpec("P")
R = TypeVar("R")
SIGNED = "code.json"

_allowed: ContextVar[set[str] | None] = ContextVar("allowed", default=None)
_used: dict[str, None] = {}


@contextlib.contextmanager
def only(words: Iterable[str] | None) -> Iterator[None]:
    """Import only code that is named in these words of a command line; None imports any.

    Example:
        >>> with only(["--rule", "averaging(inner=mine.py:Rule)"]):
        ...     check("rule", "mine.py:Rule")
        ...     check("rule", "theirs.Rule")
        Traceback (most recent call last):
        ...
        arena.errors.Untrusted: a file names the rule 'theirs.Rule', which is not in the registry: it would import 'theirs', which is not \
installed, and importing is executing. Fix: read that code, and if you trust it, add --trust
    """
    names = None if words is None else {part.strip() for word in words for part in [word, *re.split(r"[()=,\[\]]", word)]}
    token = _allowed.set(names)
    try:
        yield
    finally:
        _allowed.reset(token)


def as_here(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that may import in another process what may be imported here."""
    return functools.partial(_with_only, _allowed.get(), function)


def allows(name: str) -> bool:
    """Whether code of that name may be imported."""
    allowed = _allowed.get()
    return allowed is None or name in allowed


def check(kind: str, name: str) -> None:
    """Raise Untrusted if code of that name may not be imported."""
    if not allows(name):
        raise Untrusted(
            f"a file names the {kind} '{name[:60]}', which is not in the registry: it would import {_source(name)}, and "
            "importing is executing. Fix: read that code, and if you trust it, add --trust"
        )


def use(name: str) -> None:
    """Note that code outside the registry is in use, for the folders that this process makes; it may be imported under this name too."""
    _used[name] = None
    if (allowed := _allowed.get()) is not None:
        allowed.add(name)


def sign(folder: Path, text: str) -> None:
    """Write the names in a text of code outside the registry into its new folder; nothing if there is none, or no key."""
    names = sorted(name for name in _used if name in text)
    if names and (key := _key()) is not None:
        write_whole(folder / SIGNED, json.dumps({"code": names, "signature": _signature(key, names)}, indent=1) + "\n")


def admit(folder: Path) -> None:
    """Allow the code that is named in a folder's `code.json`, if this user signed it."""
    allowed = _allowed.get()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        data = json.loads(read_text(folder / SIGNED))
        key = _key()
        if allowed is not None and key is not None and hmac.compare_digest(_signature(key, data["code"]), data["signature"]):
            allowed |= set(data["code"])


def _with_only(allowed: set[str] | None, function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    with only(allowed):
        return function(*arguments, **options)


def _signature(key: bytes, names: list[str]) -> str:
    return hmac.new(key, json.dumps(names).encode(), hashlib.sha256).hexdigest()


def _key() -> bytes | None:
    """Return the user's key, made at the first call; None if the state folder cannot be written."""
    import platformdirs

    file = Path(platformdirs.user_state_dir("arena", appauthor=False)) / "key"
    with contextlib.suppress(OSError, RuntimeError):
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"key-{os.getpid()}")
        if not file.exists():
            with contextlib.suppress(FileExistsError):
                part.touch(0o600, exist_ok=False)
                part.write_bytes(secrets.token_bytes(32))
                os.link(part, file)  # of two first processes, one wins
            part.unlink(missing_ok=True)
        return file.read_bytes()
    return None


def _source(name: str) -> str:
    """Return what an import would execute, without importing anything."""
    if re.search(r"\.py(:|$)", name):
        return f"the file {Path(name.partition(':')[0]).resolve()}"
    top = name.partition(".")[0]
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        if (spec := importlib.util.find_spec(top)) is not None:
            return f"'{top}' from {spec.origin or 'a folder'}"
    return f"'{top}', which is not installed"
