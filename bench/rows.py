"""One row of the table of figures: what was measured, beside which floor, and what it had to reach."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit: on the ratio of product and floor, or on the product's value; the larger or the smaller the better."""

    limit: float
    on_ratio: bool = False
    at_least: bool = False
    words: str = ""

    def holds(self, value: float, ratio: float | None) -> bool:
        """Whether a measurement is within the limit."""
        seen = ratio if self.on_ratio else value
        if seen is None:
            return False
        return seen >= self.limit if self.at_least else seen <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``runs`` are the values of each run in ``unit``; the product's median is what counts.

    ``at_least`` figures are rates; their ratio is product / floor, as is that of times (then smaller is better).
    ``inverse`` makes it floor / product, for times of which the issue asks a share of the floor's speed.
    """

    figure: str
    size: str
    unit: str
    product_runs: Sequence[float]
    must: Bound
    aim: Bound
    floor_runs: Sequence[float] = ()
    floor_words: str = ""
    inverse: bool = False
    note: str = ""

    @property
    def product(self) -> float:
        return statistics.median(self.product_runs)

    @property
    def floor(self) -> float | None:
        return statistics.median(self.floor_runs) if self.floor_runs else None

    @property
    def ratio(self) -> float | None:
        """Product to floor (or the inverse), None where there is no floor."""
        if not self.floor or not self.product:
            return None
        return self.floor / self.product if self.inverse else self.product / self.floor

    @property
    def verdict(self) -> str:
        """``aim``, ``must`` or ``missed``."""
        for word, bound in (("aim", self.aim), ("must", self.must)):
            if bound.holds(self.product, self.ratio):
                return word
        return "missed"


def ratio_at_most(limit: float) -> Bound:
    return Bound(limit, on_ratio=True, words=f"≤ {limit:g} ×")


def ratio_at_least(limit: float) -> Bound:
    return Bound(limit, on_ratio=True, at_least=True, words=f"≥ {limit:g} ×")


def at_most(limit: float, unit: str) -> Bound:
    return Bound(limit, words=f"≤ {limit:g} {unit}")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
