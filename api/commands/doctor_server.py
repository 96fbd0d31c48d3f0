"""What ``promptuary doctor`` finds of a server: the one that serves a data folder, and any as its clients see it."""

import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path

from api.commands.addresses import address_fault, place_here, without_password
from api.commands.logins import Login, LoginEnded
from api.commands.output import plain
from api.commands.remote import Server
from api.commands.transport import NoAnswer, Reply
from api.data_folder import Holder, find_holder
from registry.domain.health import Finding, Grade, well
from registry.domain.wording import counted
from registry.services.health_catalogue import MUCH_OUTBOX

MOST_SKEW_SECONDS = 30.0
"""The header Date has whole seconds, and an answer is under way for some."""


def holder_of(data: Path) -> Holder | None:
    """Who serves the data folder; None also where that cannot be seen, which another finding tells."""
    try:
        return find_holder(data)
    except OSError:
        return None


def served_finding(holder: Holder | None, host: str, port: int, url: str | None) -> Finding:
    """Whether the folder is served, and where the settings say it is.

    A server that runs may have been given another port than they say; ``url`` then says which, if it leads here.
    """
    if holder is not None and url is not None:
        host, port = place_here(url) or (host, port)
    host = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104  (compared, not bound)
    answers = _listens(host, port)
    if holder is None and not answers:
        return well("served", f"no server has the data folder; port {port} is free for one")
    if holder is None:
        why = "A server started here would end at once: the port is in use."
        remedy = "Stop what listens there, or choose another port."
        command = f"promptuary serve --port {port + 1 if port < 65535 else 0}"
        return Finding("served", Grade.WARNING, f"something else listens at {host}:{port}", "", why, remedy, command)
    by = f"process {holder.pid}" if holder.pid is not None else "a process"
    if answers:
        return well("served", f"{by} serves the data folder at {host}:{port}")
    why = "It listens at another address than PROMPTUARY_HOST and PROMPTUARY_PORT say here, or does not answer."
    remedy = "Set PROMPTUARY_URL, or PROMPTUARY_PORT, as the server has it, or look into its log and start it again."
    found = f"{by} serves the data folder, but nothing listens at {host}:{port}"
    return Finding("served", Grade.WARNING, found, why=why, remedy=remedy)


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def server_findings(url: str, key: str | Login, repository: str) -> Iterator[Finding]:
    """What a client has of the server at an address. What cannot be asked is the last finding."""
    shown = without_password(url)
    if fault := address_fault(url):
        remedy = "Set PROMPTUARY_URL, or --url, such as http://127.0.0.1:8000."
        yield Finding("server", Grade.PROBLEM, f"{shown!r} {fault}", why="Nothing can be asked.", remedy=remedy)
        return
    server = Server(url, "", repository)
    try:
        alive, asked = server.look("/livez"), time.time()
        theirs = alive.json("status").get("version")
        yield well("server", f"it answers, version {theirs or 'unknown'}", shown)
        yield _clock_finding(alive, asked, shown)
        yield _version_finding(theirs, shown)
        yield _ready_finding(server, shown)
        yield from _key_findings(Server(url, key, repository), key, shown)
    except NoAnswer as error:
        said = str(error) if shown in str(error) else f"{shown} {error}"
        remedy = "See that the server runs (promptuary doctor on its machine), and that nothing in between answers."
        yield Finding("server", Grade.PROBLEM, said, shown, "Nothing can be asked.", remedy)


def _clock_finding(alive: Reply, asked: float, shown: str) -> Finding:
    try:
        skew = parsedate_to_datetime(alive.headers.get("date", "")).timestamp() - asked
    except ValueError:
        return Finding("server-clock", Grade.WARNING, "it does not tell its time", shown, "A proxy took it out.")
    if abs(skew) <= MOST_SKEW_SECONDS:
        return well("server-clock", "its clock and this one agree", shown)
    found = f"its clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} this one"
    why = "Keys seem expired too early or too late, certificates may not hold, and at= reads give another state."
    remedy = "Set the clock that is wrong by NTP (timedatectl set-ntp true; date -u shows it)."
    return Finding("server-clock", Grade.PROBLEM, found, shown, why, remedy)


def _version_finding(theirs: str | None, shown: str) -> Finding:
    ours = version("promptuary")
    if theirs == ours:
        return well("server-version", f"both have {ours}", shown)
    found = f"the server has {theirs or 'an unknown version'}, this program {ours}"
    why = "What one of them knows the other may not."
    remedy = "Bring both to one version; the server first."
    return Finding("server-version", Grade.WARNING, found, shown, why, remedy)


def _ready_finding(server: Server, shown: str) -> Finding:
    ready = server.look("/readyz")
    if ready.status == 200:
        return well("server-ready", "everything is projected that was there when it started", shown)
    reasons = ready.problem.get("reasons")
    told = ", ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else f"it answers {ready.status}"
    why = "Until then reads and search may answer an earlier state."
    remedy = "Wait; if it does not end, see the server's log and run promptuary doctor on its machine."
    return Finding("server-ready", Grade.WARNING, f"it is not ready: {plain(told)}", shown, why, remedy)


def _key_findings(server: Server, key: str | Login, shown: str) -> Iterator[Finding]:
    made = "promptuary key create --scope write"
    if not key:
        remedy = "promptuary login, or set PROMPTUARY_KEY; the first key is in the server's DATA/admin-key."
        found, why = "no key is set", "Every command that asks the server needs one."
        yield Finding("key", Grade.WARNING, found, shown, why, remedy)
        return
    try:
        reply = server.look("/api/v1/key")
    except LoginEnded as error:
        yield Finding("key", Grade.PROBLEM, str(error), shown, "The server refuses every command.", "promptuary login")
        return
    if reply.status != 200:
        found = plain(str(reply.problem.get("detail") or f"the server answers {reply.status} to the key"))
        remedy = "Set PROMPTUARY_KEY to a key that holds; on the server's machine one is made with the command."
        yield Finding("key", Grade.PROBLEM, found, shown, "The server refuses every command.", remedy, made)
        return
    known = reply.json("user", "scope")
    yield well("key", f"it is {known['user']}'s, of scope {known['scope']}", shown)
    yield _index_finding(server, shown)


def _index_finding(server: Server, shown: str) -> Finding:
    reply = server.call("GET", "index")
    if reply.status != 200:
        detail = reply.problem.get("detail") or f"the server answers {reply.status} for {server.repository}"
        remedy = "Name another with PROMPTUARY_REPOSITORY or --repository; promptuary init makes one."
        why = "Commands for this repository are refused."
        return Finding("server-index", Grade.PROBLEM, plain(str(detail)), shown, why, remedy)
    state = reply.json("behind", "outbox")
    behind, outbox = state["behind"], state["outbox"]
    waits = f"waiting for the search index: {counted(outbox, 'template')}"
    if behind == 0 and outbox < MUCH_OUTBOX:
        # What nobody waits for, such as texts of old versions, is fed some seconds after a write.
        rest = f"; {waits}" if outbox else ""
        return well("server-index", f"{server.repository} is projected up to its newest commit{rest}", shown)
    late = "has to be projected anew" if behind is None else f"is {counted(behind, 'commit')} behind Git"
    found = f"{server.repository} {late}, {waits}"
    why = "Reads and search answer an earlier state."
    remedy = "Wait a moment and look again; if it stays, on the server's machine:"
    command = f"promptuary index rebuild {server.repository}"
    return Finding("server-index", Grade.WARNING, found, shown, why, remedy, command)
