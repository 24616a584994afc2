"""Text from elsewhere (a YAML, a model, a server, a file's name), made safe to print: what a terminal would obey or
hide is shown as an escape."""

import unicodedata

# control and format characters, halves of characters, separators of lines and paragraphs
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_unseen(character: str) -> bool:
    """Whether it has no shape of its own, and may move, hide or turn around what stands beside it."""
    return unicodedata.category(character) in UNSEEN


def escaped(text: str) -> str:
    """The text with such characters as escapes, ``\\x1b``; the ends of lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if is_unseen(c) and c not in "\n\t" else c for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
