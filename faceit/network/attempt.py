"""Which attempt at a run is trained: after one that went wrong, the next is slower and sees other faces."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """``rate`` multiplies the learning rate, and ``retries`` goes into what is drawn, so
    that a run which was rolled back does not meet the same fate with the same faces."""

    rate: float = 1.0
    retries: int = 0

    def another(self) -> "Attempt":
        """With half the rate and other faces."""
        return Attempt(self.rate / 2, self.retries + 1)


FIRST = Attempt()
