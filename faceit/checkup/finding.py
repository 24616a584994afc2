"""A line of doctor's report, and how an error is written in one."""

from dataclasses import dataclass

from faceit.errors import FaceitError
from faceit.trying import last_try

OK, WORSE, FAIL = "ok", "!", "FAIL"


@dataclass(frozen=True)
class Finding:
    """The result of a check: ``mark`` is OK, WORSE or FAIL; ``text`` says what was found and, if not ok, what to do."""

    mark: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark:<4}  {self.subject:<10}  {' '.join(self.text.split())}"


class Broken(Exception):
    """A trial failed: ``problem`` says why. ``library`` and ``step``, as in ``faceit.trying``, are the last ones in
    what its process ``printed``; None if nothing was tried yet."""

    def __init__(self, problem: str, printed: str = ""):
        super().__init__(problem)
        tried = last_try(printed)
        self.library: str | None = tried[0] if tried else None
        self.step: str | None = tried[1] if tried else None


def words(error: Exception) -> str:
    """An error as part of a sentence, without a full stop."""
    if isinstance(error, Broken | FaceitError):
        return str(error).rstrip(".")
    return f"{type(error).__name__}: {error}".rstrip(".")
