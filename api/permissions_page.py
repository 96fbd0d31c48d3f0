"""The tables of docs/permissions.md, made from what each route asks of its caller: python -m api.permissions_page."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.app import routes_asked
from api.needs import Need, Reach, need_of
from api.public_paths import is_public
from registry.domain.roles import Role

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"
BEGIN, END = "<!-- made by python -m api.permissions_page -->", "<!-- end -->"

BY_SESSION = frozenset({"/api/v1/password"})
"""What is not asked with a key."""

IN_FOLDER = frozenset({Reach.FOLDER, Reach.SOMEWHERE})
"""Where a role in a folder is enough."""


def needs() -> Iterator[tuple[str, str, Need | None]]:
    """Method, path and need of every route that wants a key, in the order of the paths."""
    found = []
    for route in iter_route_contexts(routes_asked()):
        path = str(route.path).replace(":path}", "}").replace(":number}", "}")
        if is_public(path):
            continue
        wanted = [need for call in _calls(route.dependant) if (need := need_of(call)) is not None]
        found += [(method, path, wanted[0] if wanted else None) for method in sorted(route.methods or ())]
    yield from sorted(found, key=lambda each: (each[1], each[0]))


def allowed(need: Need | None, role: Role | None, *, whole: bool) -> bool:
    """Whether somebody with a role in the whole repository, or in one folder alone, may ask; None: with no role."""
    if need is None:
        return True
    if role is None or not role.includes(need.role):
        return False
    return whole or need.reach in IN_FOLDER or (need.reach is Reach.ANYWHERE)


def page() -> str:
    """The tables, as Markdown."""
    roles = list(Role)
    lines = [
        BEGIN,
        "",
        f"| route | needs | {' | '.join(roles)} |",
        f"| --- | --- | {' | '.join('---' for _ in roles)} |",
        *(_row(method, path, need, roles) for method, path, need in needs()),
        "",
        END,
    ]
    return "\n".join(lines)


def _row(method: str, path: str, need: Need | None, roles: Sequence[Role]) -> str:
    anybody = "a session of your own" if path in BY_SESSION else "a key or session"
    wanted = f"{need.role} {need.reach.value}" if need is not None else anybody
    return f"| `{method} {path}` | {wanted} | {' | '.join(_cell(need, role) for role in roles)} |"


def _cell(need: Need | None, role: Role) -> str:
    if not allowed(need, role, whole=True):
        return "–"
    if need is not None and need.reach is Reach.SERVER:
        return "server"
    return "yes" if allowed(need, role, whole=False) else "whole"


def _calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


def main() -> None:
    """Writes the tables into the page."""
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    PAGE.write_text(head + page() + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
