"""A plot of lines as SVG: both axes logarithmic, names at the ends of the lines, no library."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 460
_LEFT, _TOP, _RIGHT, _BOTTOM = 70, 40, 330, 60
_LINE_HEIGHT = 16
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a6a00", "#56b4e9")
"""Told apart by those who do not see red and green."""


def log_plot(title: str, across: str, at: Sequence[tuple[float, str]], lines: Mapping[str, Sequence[float]]) -> str:
    """The picture. ``at`` are the places on the lower axis with their words; each line has a value above 0 for each."""
    values = [value for line in lines.values() for value in line]
    low, high = math.floor(math.log10(min(values))), max(math.ceil(math.log10(max(values))), 1)
    places = [place for place, _ in at]

    def x(place: float) -> float:
        first, last = math.log10(places[0]), math.log10(places[-1])
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (math.log10(place) - first) / ((last - first) or 1)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (math.log10(value) - low) / ((high - low) or 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        _text(_LEFT, 22, title, size=15),
    ]
    for exponent in range(low, high + 1):
        height = y(10**exponent)
        parts.append(f'<path d="M{_LEFT} {height:.1f}H{WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 8, height + 4, f"{10.0**exponent:g} ms", anchor="end"))
    for place, words in at:
        parts.append(f'<path d="M{x(place):.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="#eee"/>')
        parts.append(_text(x(place), HEIGHT - _BOTTOM + 20, words, anchor="middle"))
    parts.append(_text(_LEFT + (WIDTH - _LEFT - _RIGHT) / 2, HEIGHT - 14, across, anchor="middle"))
    heights = _apart({name: y(line[-1]) for name, line in lines.items()})
    for colour, (name, line) in zip(_COLOURS, lines.items(), strict=False):
        points = [(x(place), y(value)) for place, value in zip(places, line, strict=True)]
        shown = " ".join(f"{across_:.1f},{down:.1f}" for across_, down in points)
        parts.append(f'<polyline points="{shown}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across_:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for across_, down in points]
        parts.append(_text(WIDTH - _RIGHT + 12, heights[name] + 4, name, colour=colour))
    return "\n".join([*parts, "</svg>", ""])


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Heights of words such that none lies on another."""
    moved: dict[str, float] = {}
    last = -math.inf
    for name, height in sorted(heights.items(), key=lambda each: each[1]):
        last = moved[name] = max(height, last + _LINE_HEIGHT)
    return moved


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = "#222", size: int = 13) -> str:
    form = f'text-anchor="{anchor}" fill="{colour}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {form}>{escape(words)}</text>'
