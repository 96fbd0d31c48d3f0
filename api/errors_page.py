"""Writes docs/errors.md from the table of problem types: ``python -m api.errors_page > docs/errors.md``."""

import sys

from api.errors import problem_types
from api.problem_types import ProblemType

_INTRODUCTION = """\
# Problem types

Every answer of the API that is no success is a problem (RFC 9457, `application/problem+json`): `type`, `title`,
`status`, `detail` (what happened here, and what to do), `instance` (the request's path) and `request_id` (also in the
header `X-Request-Id`, and in the server's log). Some types have fields of their own, named below. `type` is a link
relative to the server, such as `/docs/errors#template-not-found`; compare it, not the words of `title` or `detail`.

This page is made from the table in `api/errors.py` (`python -m api.errors_page`); the server shows the same at
`/docs/errors`.
"""


def errors_page() -> str:
    """The page as Markdown."""
    return "\n".join([_INTRODUCTION, *map(_section, problem_types())])


def _section(kind: ProblemType) -> str:
    return f"## {kind.name}\n\n**{kind.status} {kind.title}.** {kind.advice}\n"


if __name__ == "__main__":
    sys.stdout.write(errors_page())
