"""A grader of answers by their headers, after the published rules of Mozilla's HTTP Observatory and OWASP's list.

Scoring: https://github.com/mozilla/http-observatory/blob/main/httpobs/docs/scoring.md, without what needs a whole site
(redirections, preloading, subresource integrity). What OWASP's Secure Headers Project asks for besides has no points
there; it is a finding here, and so is everything that takes points.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

GRADES = {100: "A+", 90: "A", 85: "A-", 80: "B+", 70: "B", 65: "B-", 60: "C+", 50: "C", 45: "C-", 40: "D+", 30: "D"}
HALF_A_YEAR = 15_768_000
STRICT_REFERRERS = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
OWASP = {
    "permissions-policy": re.compile(r"([a-z-]+=\(\)(, )?)+"),
    "cross-origin-opener-policy": re.compile("same-origin"),
    "cross-origin-resource-policy": re.compile("same-origin"),
    "referrer-policy": re.compile("|".join(STRICT_REFERRERS)),
    "x-frame-options": re.compile("DENY|SAMEORIGIN"),
}
TELLING = ("server", "x-powered-by")


@dataclass(frozen=True)
class Grade:
    """The letter, the points, and what is wrong."""

    letter: str
    points: int
    findings: tuple[str, ...]


def grade(headers: Mapping[str, str], *, tls: bool) -> Grade:
    """The grade of an answer; ``headers`` have lower-case names, several of a name joined by commas."""
    marks = {
        "content-security-policy": _policy(headers.get("content-security-policy", "")),
        "cookies": _cookies(headers.get("set-cookie", "")),
        "cross-origin resource sharing": -50 if headers.get("access-control-allow-origin") == "*" else 0,
        "referrer-policy": 5 if headers.get("referrer-policy") in STRICT_REFERRERS else 0,
        "strict-transport-security": _transport(headers.get("strict-transport-security"), tls=tls),
        "x-content-type-options": 0 if headers.get("x-content-type-options") == "nosniff" else -5,
        "x-frame-options": _framing(headers),
        "cross-origin-resource-policy": 10 if headers.get("cross-origin-resource-policy") == "same-origin" else 0,
    }
    base = 100 + sum(points for points in marks.values() if points < 0)
    points = base + sum(points for points in marks.values() if points > 0) if base >= 90 else base
    wrong = [f"{what}: {points}" for what, points in marks.items() if points < 0]
    wrong += [name for name, form in OWASP.items() if not form.fullmatch(headers.get(name, ""))]
    wrong += [f"{name} is told" for name in TELLING if name in headers]
    letter = next((letter for least, letter in GRADES.items() if points >= least), "F")
    return Grade(letter, points, tuple(wrong))


def _cookies(text: str) -> int:
    """Points for cookies: of a session, as each of ours is."""
    asked = ("; Secure", "; HttpOnly", "; SameSite=")
    if all(each in text for each in asked):
        return 5
    return 0 if not text else -40 if "; Secure" not in text else -30


def _policy(text: str) -> int:
    """Points for a Content-Security-Policy."""
    directives = {words[0]: words[1:] for part in text.split(";") if (words := part.split())}
    named = [part.split()[0] for part in text.split(";") if part.split()]
    if not directives or len(named) != len(directives) or "," in text:
        return -25  # none, or one that browsers read in different ways
    sources = {source for name, given in directives.items() if name != "style-src" for source in given}
    default = directives.get("default-src", ["*"])
    if "'unsafe-inline'" in sources or {"*", "https:", "http:", "data:"} & {
        *directives.get("script-src", default),
        *directives.get("object-src", default),
    }:
        return -20
    if "'unsafe-eval'" in sources:
        return -10
    if any(source.startswith("http:") for source in sources):
        return -20
    if not {"frame-ancestors", "base-uri", "form-action"} <= directives.keys():
        return 0  # which no default covers
    return 10 if default == ["'none'"] and "'unsafe-inline'" not in directives.get("style-src", []) else 0


def _transport(text: str | None, *, tls: bool) -> int:
    if not tls:
        return 0 if text is None else -20  # over plain HTTP it must not be said
    seconds = re.match(r"max-age=(\d+)", text or "")
    return -20 if seconds is None else 0 if int(seconds[1]) >= HALF_A_YEAR else -10


def _framing(headers: Mapping[str, str]) -> int:
    if "frame-ancestors 'none'" in headers.get("content-security-policy", ""):
        return 5
    return 0 if headers.get("x-frame-options") in {"DENY", "SAMEORIGIN"} else -20
