"""Values from files that may be damaged, and numbers formatted for reading.

A value that is missing or of the wrong type is None.
"""

import math

LARGEST = 1e12  # a larger number in a file means damage
NARROW = "\u202f"  # a thin no-break space, between a number and its unit


def number(value, *keys) -> float | None:
    """The finite number at ``keys`` inside ``value``, or None."""
    value = at(value, *keys)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < LARGEST and math.isfinite(value) else None


def text(value, *keys) -> str | None:
    """The text at ``keys``, or None when there is none."""
    value = at(value, *keys)
    return value.strip() or None if isinstance(value, str) else None


def part(value, *keys) -> dict:
    """The mapping at ``keys``, or an empty one."""
    value = at(value, *keys)
    return value if isinstance(value, dict) else {}


def items(value, *keys) -> list:
    """The list at ``keys``, or an empty one."""
    value = at(value, *keys)
    return value if isinstance(value, list) else []


def numbers(value, *keys) -> list[float]:
    """The list of numbers at ``keys``; empty if one of them is not a number."""
    found = [number(v) for v in items(value, *keys)]
    numeric = [v for v in found if v is not None]
    return numeric if len(numeric) == len(found) else []


def at(value, *keys):
    """The value at ``keys`` in nested mappings; None if a key is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def shown(value: float, digits: int = 2) -> str:
    """A number with ``digits`` decimals, a true minus sign and separated thousands."""
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def percent(share: float) -> str:
    """0.412 -> 41 %; a share near 0 or 1 gets a decimal, so that it is not rounded to 0 % or 100 %."""
    hundredths = 100 * share
    digits = 1 if 0 < hundredths < 1 or 99 < hundredths < 100 else 0
    return f"{shown(hundredths, digits)}{NARROW}%"


def clock(seconds: float) -> str:
    """A time in a video: 0:07.3, 1:02:03.5."""
    tenths = round(max(0.0, seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{head}:{tenths // 10:02d}.{tenths % 10}"


def whose(name: str) -> str:
    """The name in the possessive."""
    return f"{name}\u2019" if name.endswith(("s", "S")) else f"{name}\u2019s"
