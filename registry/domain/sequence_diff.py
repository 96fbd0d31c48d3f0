"""Which parts two sequences have in common, in bounded time whatever the sequences are.

First what both begin and end with; then, level by level, the items that occur once on each side and stand in the same
order (patience diff); what lies between them by Myers' algorithm while the effort lasts; the rest counts as different.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Block = tuple[int, int, int]
"""``length`` equal items from ``old`` and ``new`` on: (old, new, length)."""

_MAX_LEVELS = 8
_MAX_EDITS = 400


@dataclass(slots=True)
class Effort:
    """Steps of Myers' algorithm that may still be taken, over all the comparisons that share it (0.3 µs each)."""

    left: int = 1_500_000


def common_blocks(old: Sequence[str], new: Sequence[str], effort: Effort | None = None) -> list[Block]:
    """The blocks that both have in common, in order, none empty and none adjoining another on both sides."""
    codes: dict[str, int] = {}
    left = [codes.setdefault(item, len(codes)) for item in old]
    right = [codes.setdefault(item, len(codes)) for item in new]
    spent = effort if effort is not None else Effort()
    found: list[Block] = []
    waiting = [(0, len(left), 0, len(right), 0)]
    while waiting:
        begin, end, start, stop, level = waiting.pop()
        begin, end, start, stop = _trim(left, right, (begin, end, start, stop), found)
        if begin == end or start == stop:
            continue
        anchors = _anchors(left[begin:end], right[start:stop]) if level < _MAX_LEVELS else []
        if not anchors:
            found += [(begin + i, start + j, n) for i, j, n in _shortest(left[begin:end], right[start:stop], spent)]
            continue
        at, to = begin, start
        for i, j in anchors:
            waiting.append((at, begin + i, to, start + j, level + 1))
            found.append((begin + i, start + j, 1))
            at, to = begin + i + 1, start + j + 1
        waiting.append((at, end, to, stop, level + 1))
    return _joined(sorted(found))


def _trim(
    left: Sequence[int], right: Sequence[int], span: tuple[int, int, int, int], found: list[Block]
) -> tuple[int, int, int, int]:
    """Takes what a span begins and ends with on both sides into ``found``; gives the rest of the span."""
    begin, end, start, stop = span
    first, to = begin, start
    while begin < end and start < stop and left[begin] == right[start]:
        begin += 1
        start += 1
    if begin > first:
        found.append((first, to, begin - first))
    last = end
    while begin < end and start < stop and left[end - 1] == right[stop - 1]:
        end -= 1
        stop -= 1
    if last > end:
        found.append((end, stop, last - end))
    return begin, end, start, stop


def _anchors(left: Sequence[int], right: Sequence[int]) -> list[tuple[int, int]]:
    """The longest run in order of items that occur once on each side."""
    counts, others = Counter(left), Counter(right)
    places = {item: j for j, item in enumerate(right) if others[item] == 1 and counts[item] == 1}
    pairs = [(i, places[item]) for i, item in enumerate(left) if item in places]
    ends: list[int] = []
    chosen: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        length = bisect_left(ends, j)
        before.append(chosen[length - 1] if length else -1)
        ends[length:] = [j]
        chosen[length:] = [index]
    run: list[tuple[int, int]] = []
    index = chosen[-1] if chosen else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]


def _shortest(left: Sequence[int], right: Sequence[int], effort: Effort) -> list[Block]:
    """Myers' shortest edit script as blocks; nothing where it needs too many edits or the effort is used up."""
    n, m = len(left), len(right)
    reach = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(min(n + m, _MAX_EDITS) + 1):
        history.append(reach.copy())
        effort.left -= 2 * edits
        if effort.left < 0:
            return []
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and reach[k - 1] < reach[k + 1])
            x = first = reach[k + 1] if down else reach[k - 1] + 1
            while x < n and x - k < m and left[x] == right[x - k]:
                x += 1
            reach[k] = x
            effort.left -= x - first
            if x >= n and x - k >= m:
                return _walk_back(history, n, m)
    return []


def _walk_back(history: Sequence[dict[int, int]], n: int, m: int) -> list[Block]:
    blocks: list[Block] = []
    x, y = n, m
    for edits in range(len(history) - 1, -1, -1):
        reach, k = history[edits], x - y
        if edits == 0:
            came_x = came_y = 0
        else:
            down = k == -edits or (k != edits and reach[k - 1] < reach[k + 1])
            before = k + 1 if down else k - 1
            came_x, came_y = reach[before], reach[before] - before
        # From there one edit, then the equal items that end at (x, y).
        step_x, step_y = (came_x, came_y) if edits == 0 else (came_x, came_y + 1) if down else (came_x + 1, came_y)
        if x > step_x:
            blocks.append((step_x, step_y, x - step_x))
        x, y = came_x, came_y
    return blocks[::-1]


def _joined(blocks: Sequence[Block]) -> list[Block]:
    joined: list[Block] = []
    for i, j, length in blocks:
        if joined and joined[-1][0] + joined[-1][2] == i and joined[-1][1] + joined[-1][2] == j:
            joined[-1] = (joined[-1][0], joined[-1][1], joined[-1][2] + length)
        else:
            joined.append((i, j, length))
    return joined
