"""Templates on their way to a server: read with the state that they change, checked here, written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from api.commands.output import console, plain, run, warn, write_json
from api.commands.remote import Server, finding_lines, refusal_lines
from api.commands.transport import NoAnswer, Reply

if TYPE_CHECKING:
    from registry.domain.diagnostics import Diagnostic
    from registry.domain.ids import TemplateName

YAML = "application/yaml"
OK, CREATED, NOT_FOUND, CONFLICT = 200, 201, 404, 409


@dataclass(frozen=True, slots=True)
class Target:
    """Where a template is written: a branch, or the default branch. One that ``begins`` is made when it is written."""

    server: Server
    name: "TemplateName"
    branch: str | None
    begins: bool = False

    @property
    def state(self) -> dict[str, Any]:
        """The query for what the branch has now."""
        return {"label": "latest"} if self.branch is None or self.begins else {"ref": self.branch}

    def read(self) -> Reply:
        """The file that is there now, as the server answers it. Raises NoAnswer."""
        return self.server.call("GET", "templates", self.name, query=self.state, headers={"Accept": YAML})

    def write(self, source: bytes, message: str | None, condition: dict[str, str]) -> Reply:
        """Writes the file as one commit; a branch made for that goes again if nothing is written. Raises NoAnswer."""
        tip: str | None = None
        if self.branch is not None and self.begins:
            made = self.server.call("POST", "branches", body={"name": self.branch})
            if made.status == CREATED:
                tip = made.headers.get("etag", "")
            elif made.status != CONFLICT or not _is_there(self.server, self.branch):  # somebody may have made it
                return made
        query = {"message": message, "branch": self.branch}
        headers = {"Content-Type": YAML, **condition}
        try:
            reply = self.server.call("PUT", "templates", self.name, query=query, body=source, headers=headers)
            written = reply.status < 300 and (tip is None or reply.json("changed")["changed"])
        except NoAnswer:
            self._take_back(tip)
            raise
        if not written:
            self._take_back(tip)
        elif tip is not None:
            warn(f"branch {self.branch} was made from the default branch")
        return reply

    def _take_back(self, tip: str | None) -> None:
        """Deletes the branch that was made, while it is where it was made; where it stays that is said."""
        if self.branch is None or tip is None:
            return
        try:
            gone = self.server.call("DELETE", "branches", self.branch, headers={"If-Match": tip})
            said = gone.problem.get("detail") or f"the server answered {gone.status}"
        except NoAnswer as error:
            gone, said = None, str(error)
        if gone is None or gone.status not in {OK, NOT_FOUND}:
            warn(f"branch {self.branch} was made for this and stays: {plain(str(said))}")


def find_target(server: Server, name: "TemplateName", branch: str | None) -> Target:
    """Where a template is written, whether there is such a branch yet or not. Raises NoAnswer."""
    begins = branch is not None and not _is_there(server, branch)
    return Target(server, name, branch, begins)


def _is_there(server: Server, branch: str) -> bool:
    return server.call("GET", "branches", branch).status != NOT_FOUND


def check_draft(target: Target, source: bytes) -> "Sequence[Diagnostic]":
    """What the file's own rules say of it, with its partials as the server has them. Raises NoAnswer.

    What needs the repository (its limits and models, labels, offline tests) is left to the server.
    """
    from registry.domain.includes import raw_includes
    from registry.domain.names import check_name, template_path
    from registry.services.checkout import Checkout

    files: dict[str, bytes | None] = {template_path(target.name): source}
    for include in sorted(raw_includes(source)):
        if template_path(include) in files or check_name(include) is not None:
            continue
        state = _read_partial(target, include)
        if state is not None:
            texts = {include: state["source"], **state["partials"]}
            files = {**{template_path(name): text.encode() for name, text in texts.items()}, **files}
    return run(Checkout(files).judge([template_path(target.name)])).diagnostics


def write_problems(diagnostics: "Sequence[Diagnostic]") -> bool:
    """Writes findings to standard error, as the gate prints them; whether one of them is an error."""
    from api.commands.findings import write_finding
    from registry.domain.diagnostics import has_errors

    out = console(stderr=True)
    for diagnostic in diagnostics:
        write_finding(out, diagnostic.path, diagnostic)
    return has_errors(diagnostics)


def write_outcome(target: Target, reply: Reply, *, as_json: bool) -> None:
    """Says what a write made; its warnings on standard error."""
    written = target.server.read(reply, "name", "version", "commit", "created", "changed", "warnings")
    if as_json:
        write_json(written)
        return
    version = f" v{written['version']}" if written["version"] is not None else ""
    stays = target.branch is not None and (written["changed"] or not target.begins)
    where = f" on {target.branch}" if stays else ""
    done = "unchanged" if not written["changed"] else "created" if written["created"] else "updated"
    typer.echo(f"{written['name']}{version}{where}: {done} ({str(written['commit'])[:10]})")
    for line in finding_lines(written["warnings"]):
        warn(line)


def _read_partial(target: Target, name: "TemplateName") -> dict[str, Any] | None:
    """A partial with all that it includes; None where there is none. Raises NoAnswer."""
    reply = target.server.call("GET", "templates", name, query=target.state)
    if reply.status in {308, 404, 410}:
        return None
    if reply.status != 200:
        raise NoAnswer("\n".join(refusal_lines(reply)), sent=False)
    return reply.json("source", "partials")
