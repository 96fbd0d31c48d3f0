"""The tables of docs/permissions.md, made from what is asked of a caller: python -m api.permissions_page.

By each route, by each Git operation and of whom an event reaches; then what anybody may ask.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.app import routes_asked
from api.needs import need_of
from api.public_paths import is_public
from registry.domain.events import EVENT_NEEDS
from registry.domain.git_needs import FETCH, GIT_NEEDS
from registry.domain.ids import RepositoryName
from registry.domain.needs import Need, Reach
from registry.domain.rights import SERVER, Place, Rights
from registry.domain.roles import Role

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"
BEGIN, END = "<!-- made by python -m api.permissions_page -->", "<!-- end -->"

BY_SESSION = frozenset({"/api/v1/password"})
"""What is not asked with a key."""

GIT_HEADING = """\
## Every Git operation

By where somebody has the role, and where that lies which he pushes. *author +*: authors and all roles above. Who cannot
read the whole repository is refused at the door (403), a push that goes too far by the gate, with its rule. What
`branches:` in `.registry.yaml` says narrows it further; a label with an entry there is moved by whom that names, and by
maintainers where it names nobody."""

EVENTS_HEADING = """\
## Every event

Whom the stream (`GET /api/v1/repositories/{repository}/events`) tells what, by where that lies which happened."""

ANYBODY_HEADING = """\
## Without a key

Health, documentation, and what signs somebody in: they are asked by anybody, and limited
[by address](edge.md#rate-limits)."""

IN_FOLDER = frozenset({Reach.FOLDER, Reach.SOMEWHERE})
"""Where a role in a folder is enough."""


_REPOSITORY = RepositoryName("default")
WHOLE = Place(_REPOSITORY)
INSIDE, OUTSIDE = Place(_REPOSITORY, "support"), Place(_REPOSITORY, "고객지원")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody has a role, and where that lies which it is about; who ``reads_all`` is reader of the rest."""

    title: str
    granted: Place
    about: Place
    reads_all: bool = False

    def grants(self, role: Role) -> list[tuple[Place, Role]]:
        """The roles of somebody who stands so, with their places."""
        return [(self.granted, role), *([(WHOLE, Role.READER)] if self.reads_all else [])]


ON_SERVER = Standing("on the server", SERVER, INSIDE)
IN_REPOSITORY = Standing("in the whole repository", WHOLE, INSIDE)
FOLDER_INSIDE = Standing("in a folder alone: inside", INSIDE, INSIDE)
FOLDER_OUTSIDE = Standing("in a folder alone: outside", INSIDE, OUTSIDE)
READS_ALL_INSIDE = Standing("in a folder, reader of all: inside", INSIDE, INSIDE, reads_all=True)
READS_ALL_OUTSIDE = Standing("in a folder, reader of all: outside", INSIDE, OUTSIDE, reads_all=True)

STANDINGS = (ON_SERVER, IN_REPOSITORY, FOLDER_INSIDE, FOLDER_OUTSIDE, READS_ALL_INSIDE, READS_ALL_OUTSIDE)


def needs() -> Iterator[tuple[str, str, Need | None]]:
    """Method, path and need of every route that wants a key, in the order of the paths."""
    return (each for each in _routes() if not is_public(each[1]))


def public() -> Iterator[tuple[str, str]]:
    """Method and path of every other."""
    return ((method, path) for method, path, _ in _routes() if is_public(path))


def _routes() -> list[tuple[str, str, Need | None]]:
    found = []
    for route in iter_route_contexts(routes_asked()):
        path = str(route.path).replace(":path}", "}").replace(":number}", "}")
        wanted = [need for call in _calls(route.dependant) if (need := need_of(call)) is not None]
        found += [(method, path, wanted[0] if wanted else None) for method in sorted(route.methods or ())]
    return sorted(found, key=lambda each: (each[1], each[0]))


def allowed(need: Need | None, role: Role | None, *, whole: bool) -> bool:
    """Whether somebody with a role in the whole repository, or in one folder alone, may ask; None: with no role."""
    if need is None:
        return True
    if role is None or not role.includes(need.role):
        return False
    return whole or need.reach in IN_FOLDER or (need.reach is Reach.ANYWHERE)


def meets(need: Need, role: Role, standing: Standing) -> bool:
    """Whether somebody who stands so may do what is about a place in the repository, or is told of it."""
    rights = Rights.of(standing.grants(role))
    if need.reach in {Reach.SOMEWHERE, Reach.READING_ALL}:
        reads = need.reach is Reach.SOMEWHERE or rights.includes(Role.READER, WHOLE)
        return reads and rights.somewhere(need.role, _REPOSITORY)
    return rights.includes(need.role, standing.about if need.reach is Reach.FOLDER else WHOLE)


def meets_over_git(need: Need | None, role: Role, standing: Standing) -> bool:
    """The same of a Git operation, each of which shows the whole repository; None: nobody may."""
    return need is not None and meets(FETCH, role, standing) and meets(need, role, standing)


def page() -> str:
    """The tables, as Markdown."""
    git = (
        (f"{operation}", need, [_from(role for role in Role if meets_over_git(need, role, each)) for each in STANDINGS])
        for operation, need in GIT_NEEDS.items()
    )
    events = (
        (f"`{type_}`", need, [_from(role for role in Role if meets(need, role, each)) for each in STANDINGS])
        for type_, need in EVENT_NEEDS.items()
    )
    lines = [
        BEGIN,
        "",
        *_table("route", list(Role), (_row(method, path, need) for method, path, need in needs())),
        "",
        GIT_HEADING,
        "",
        *_table("operation", [each.title for each in STANDINGS], (_told(*each) for each in git)),
        "",
        EVENTS_HEADING,
        "",
        *_table("event", [each.title for each in STANDINGS], (_told(*each) for each in events)),
        "",
        ANYBODY_HEADING,
        "",
        *(f"- `{method} {path}`" for method, path in public()),
        "",
        END,
    ]
    return "\n".join(lines)


def _table(first: str, columns: Sequence[str], rows: Iterable[str]) -> list[str]:
    return [
        f"| {first} | needs | {' | '.join(columns)} |",
        f"| --- | --- | {' | '.join('---' for _ in columns)} |",
        *rows,
    ]


def _told(what: str, need: Need | None, cells: Sequence[str]) -> str:
    wanted = f"{need.role} {need.reach.value}" if need is not None else "–"
    return f"| {what} | {wanted} | {' | '.join(cells)} |"


def _from(roles: Iterable[Role]) -> str:
    """All of some roles, which are one and those above it."""
    found = list(roles)
    if not found:
        return "nobody"
    assert found == list(Role)[-len(found) :]
    return f"{found[0]} +" if len(found) > 1 else found[0]


def _row(method: str, path: str, need: Need | None) -> str:
    anybody = "a session of your own" if path in BY_SESSION else "a key or session"
    wanted = f"{need.role} {need.reach.value}" if need is not None else anybody
    return f"| `{method} {path}` | {wanted} | {' | '.join(_cell(need, role) for role in Role)} |"


def _cell(need: Need | None, role: Role) -> str:
    if not allowed(need, role, whole=True):
        return "–"
    if need is not None and need.reach is Reach.SERVER:
        return "server"
    if need is not None and need.reach is Reach.READING_ALL:
        return "reads all"
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
