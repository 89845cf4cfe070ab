"""Output in terminals whose encoding lacks a sign: ASCII that reads the same."""

import codecs
import sys
import unicodedata

SIGNS = {
    "−": "-", "–": "-", "×": "x", "·": "*", "‖": "|", "√": "sqrt", "∇": "grad ", "∂": "d", "±": "+-", "→": "->", "←": "<-", "↔": "<->",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∞": "inf", "∈": "in", "′": "'", "⟨": "<", "⟩": ">", "✓": "yes", "✗": "no", "⋯": "...",
    "λ": "lambda", "°": " degrees", "━": "-", "╸": "-", "╺": "-", "●": "o", "█": "#",
}  # fmt: skip


def show_in_any_encoding() -> None:
    """Let standard output and error spell the signs that their encoding lacks, instead of raising UnicodeEncodeError."""
    codecs.register_error("arena", _spelled)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and "utf" not in (stream.encoding or "").lower():
            stream.reconfigure(errors="arena")


def spell(text: str) -> str:
    """Return a text in ASCII.

    Example:
        >>> spell("η₁ ≤ ½ ‖∇f‖²")
        'eta1 <= 1/2 |grad f|2'
    """
    return "".join(letter if letter.isascii() else _ascii(letter) for letter in text)


def _ascii(letter: str) -> str:
    if letter in SIGNS:
        return SIGNS[letter]
    compatible = unicodedata.normalize("NFKD", letter).replace("\u2044", "/")
    plain = compatible.encode("ascii", "ignore").decode()
    name = unicodedata.name(compatible[0], "")
    return plain or (name.rpartition(" ")[2].lower() if name.startswith("GREEK") else "?")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return spell(error.object[error.start : error.end]), error.end
