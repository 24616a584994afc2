"""What usually is behind a line of YAML that is not understood: habits of other programs, and what editors put in."""

import re

from faceit.config.project import shown_url

# spaces that are none to YAML, and marks of no width; editors and web pages put them in
ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200f\u202f\u205f\u2060\u3000\ufeff]")
# where YAML wants a plain one: before a line's first word, after a dash and after a colon, at the end
ODD_PLACE = re.compile(f"^[ \t]*(- *)*{ODD_SPACE.pattern}|[-:]{ODD_SPACE.pattern}|{ODD_SPACE.pattern}\\s*$")
CURLY = "“”„‟‘’‚‛«»‹›"
WIDE = "：，"  # of Chinese and Japanese keyboards
AROUND = f"{CURLY}<>()[]{{}}\"'`"  # what is put around an address or a name elsewhere
BACKSLASH = r"in double quotes a backslash begins an escape: put the path in single quotes, or write / for each \ in it"


def parse_hint(problem: str, line: str, before: str = "") -> str:
    """What to do about a line that is no YAML, by the parser's complaint; "" where nobody knows. ``before`` is the line
    before it, which is often the one with the mistake."""
    if "escape" in problem:
        return f"; {BACKSLASH}"
    if "alias" in problem or re.search(r"(^|[-:,\[]\s*)\*", line):
        return "; a * at the beginning is an alias in YAML: put the name in quotes, and list each file by itself"
    begin = re.search(r"(?:^|[-:,\[])\s*([&!@`%|>])", line)
    if begin:
        return f"; a {begin[1]} at the beginning has a meaning of its own in YAML: put the name in quotes"
    if any(mark in line for mark in CURLY):
        return "; curly quotes are none in YAML: write \" or '"
    if "'\\t'" in problem:
        return "; put spaces there instead of tabs"
    if any(mark in line + before for mark in WIDE):
        return "; a full-width mark (： or ，) is none in YAML: type a plain one, and a space behind it"
    if (hint := _misplaced(problem, line, before)) is not None:
        return hint
    if re.search(r"cannot start any token|mapping values are not allowed|<block end>", problem):
        return "; put what has : # @ ` % * & or brackets in it in quotes"
    return ""


def _misplaced(problem: str, line: str, before: str) -> str | None:
    """What is missing, or stands too much, around words that are right themselves; None where nobody knows."""
    if "got '?'" in problem:  # within braces a question mark begins a key
        return "; put the address in quotes: within braces it cannot stand without"
    if "another document" in problem:
        return "; take the --- before it out: a project is one"
    if "end of stream" in problem:
        return "; the quotes that begin there are not closed"
    if "mapping values" in problem and re.match(r"\s*(- +)?\w+:[^\s:/\\]", before):
        return "; the line before it needs a space behind its colon"
    if re.search(r"(?:^|[-:,\[])\s+'[^']*\w'\w", line):
        return "; an apostrophe ends single quotes: write it twice, or use double quotes"
    deeper = len(line) - len(line.lstrip()) > len(before) - len(before.lstrip()) and re.match(r"\s*\w+: +\S", before)
    if "found '<block mapping start>'" in problem or ("mapping values" in problem and deeper):
        return "; it begins at another column than the lines that it belongs to"
    return None


def space_hint(text: str, line: int | None) -> str:
    """A word about odd spaces in the line (from 0) with the mistake, or where in the text YAML needs plain ones."""
    for number, each in enumerate(text.split("\n")):
        # a byte order mark at the very beginning is no mistake
        each = each.removeprefix("\ufeff") if number == 0 else each
        found = ODD_SPACE.search(each) if number == line else ODD_PLACE.search(each.partition(" #")[0].rstrip("\r"))
        if found:
            odd = ODD_SPACE.search(found[0])
            assert odd is not None
            return (f"; line {number + 1} holds a no-break space or a mark of its kind (U+{ord(odd[0]):04X}): type a "
                    "plain space in its place")  # fmt: skip
    return ""


def comment_after(text: list[str], line: int, column: int) -> str:
    """What follows a word that ends there and would be a part of a file's name elsewhere: "#2.mp4" of ``take #2.mp4``;
    "" where it is a comment as people write them."""
    rest = text[line][column:].strip() if line < len(text) else ""
    return rest if re.fullmatch(r"#\S.*\.[A-Za-z0-9]{2,4}[\"']?", rest) else ""


def address_fault(url: str) -> str | None:
    """What stands around an address, or what it lacks; None where it is one, or a file's name."""
    begin = re.match(r"https?([:;]?[/\\]+)", url, re.IGNORECASE)
    if begin and not begin[1].startswith("://"):
        return f"an address begins with https:// or http://, not with {begin[0]}"
    if "://" not in url and not (url[:1] in AROUND and re.search(r"\b(www\.|youtu\.?be)", url)):
        return None
    odd = ODD_SPACE.search(url)
    if odd:
        return f"there is a no-break space or a mark of its kind (U+{ord(odd[0]):04X}) in this address: take it out"
    bare = re.search(r"https?://[^\s" + re.escape(AROUND) + "]+", url, re.IGNORECASE)
    if url[0] in AROUND or url[-1] in f"{CURLY}<>\"'`" or "](" in url:
        return f"take the quotes or brackets off: write {shown_url(bare[0]) if bare else 'https://...'}"
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", url):
        return "an address begins with https://, and a file's name has no :// in it"
    if re.search(r"[\s,].*://", url):
        return "these are several addresses: write one `- URL` a line"
    return None


def path_fault(text: str) -> str | None:
    """What is wrong with the name of a file that is not there; None where nothing is known."""
    if text[:1] in CURLY + "<`" or text[-1:] in CURLY + ">`":
        return f"take the quotes or brackets off: write {text.strip(AROUND)}"
    if text.rstrip()[-1:] in (",", ";"):
        return f"take the {text.rstrip()[-1]} at the end off: one `- file` a line"
    if "*" in text:
        return "names with * are not looked up: list each file by itself, or, of pictures, their folder"
    odd = ODD_SPACE.search(text)
    if odd:
        return f"there is a no-break space or a mark of its kind (U+{ord(odd[0]):04X}) in this name: type a plain space"
    return None
