"""Values out of files that others wrote, and numbers as people say them.

What is not there, or not of its kind, is None.
"""

import math

LARGEST = 1e12  # beyond it, a number in a file is damage
NARROW = "\u202f"  # a thin space that does not break, between a number and its unit


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
    """The list of numbers at ``keys``; empty when one of them is none."""
    found = [number(v) for v in items(value, *keys)]
    numeric = [v for v in found if v is not None]
    return numeric if len(numeric) == len(found) else []


def at(value, *keys):
    """What lies at ``keys``, through mappings; None where the way ends."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def shown(value: float, digits: int = 2) -> str:
    """A number with so many decimals, a true minus, and thousands apart."""
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def percent(share: float) -> str:
    """0.412 -> 41 %; what is nearly none or nearly all is not rounded to it."""
    hundredths = 100 * share
    digits = 1 if 0 < hundredths < 1 or 99 < hundredths < 100 else 0
    return f"{shown(hundredths, digits)}{NARROW}%"


def clock(seconds: float) -> str:
    """A place in a video: 0:07.3, 1:02:03.5."""
    tenths = round(max(0.0, seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{head}:{tenths // 10:02d}.{tenths % 10}"


def whose(name: str) -> str:
    """The name with what makes it an owner."""
    return f"{name}\u2019" if name.endswith(("s", "S")) else f"{name}\u2019s"
