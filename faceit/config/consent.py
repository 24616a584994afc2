"""What counts as a consent, in the YAML and in a model from elsewhere alike: it is told in every result."""

import unicodedata

from faceit.plain_text import is_unseen

NOTE_MARK = "faceit-note:"  # of our note in a result, between the sentence and the JSON
LONGEST = 1_000  # characters
# letters and digits of what stands where nobody has said anything
NO_CONSENT = frozenset({"no", "none", "na", "nil", "null", "nothing", "notgiven", "todo", "tbd", "tba", "fixme", "xxx",
                        "unknown", "false"})  # fmt: skip


def consent_fault(consent: object) -> str | None:
    """What is wrong with a consent, as the end of a sentence that begins with its place; None where nothing is."""
    if not isinstance(consent, str) or not consent.strip():
        return 'say how you may use this face, for example: consent: "my own face"'
    text = consent.strip()
    unseen = next((c for c in text if is_unseen(c)), None)
    if unseen is not None:
        return (f"the consent has a character that cannot be seen (U+{ord(unseen):04X}): write it in one line, in "
                "plain words")  # fmt: skip
    if len(text) > LONGEST:
        return f"the consent has {len(text):,} characters: shorten it to {LONGEST:,}"
    if NOTE_MARK in text.lower():
        return f"the consent holds the words {NOTE_MARK!r}, which mark the note in a result: take them out"
    plain = unicodedata.normalize("NFKC", text).lower()  # wide letters, as Japanese keyboards write them, are letters
    letters = "".join(c for c in plain if c.isalnum())
    if not letters or letters in NO_CONSENT:
        return f"{text!r:.40} is no consent: say in words how you may use this face"
    return None
