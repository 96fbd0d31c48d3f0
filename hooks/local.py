"""``promptuary hook pre-receive|post-receive``: the same gate for a push to the folder, with no server to ask.

Git runs the hook in the repository. Who pushes is the user of the operating system; that user has no key and counts as
an author, so what needs a maintainer, an administrator or an approval is done through the server.
"""

import asyncio
import os
import pwd
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from hooks.ports import DenialRecorder, Judge, MoveRecorder, Reporter
from hooks.protocol import clean_line, diagnostic_lines, parse_updates
from registry.bootstrap import open_registry
from registry.domain.access import Actor
from registry.domain.audit import AuditOrigin
from registry.domain.errors import PromptuaryError
from registry.domain.ids import RepositoryName, UserName
from registry.domain.names import repository_name
from registry.domain.rights import Rights, on_server
from registry.domain.roles import Role
from registry.services.audit_origin import acting
from registry.settings import HookSettings, Settings

Write = Callable[[str], None]


def run_hook(hook: str) -> int:
    """Runs ``pre-receive`` or ``post-receive`` as Git starts them: in the repository, the updates on standard input.

    The exit code: 0 lets a push in.
    """
    return asyncio.run(_run(hook, Path.cwd(), sys.stdin.buffer.read()))


async def _run(hook: str, folder: Path, stdin: bytes) -> int:
    try:
        async with open_registry(Settings()) as registry:
            if hook == "post-receive":
                return await post_receive(registry.reporting, folder, stdin, write=_tell)
            quarantine = HookSettings().quarantine_path
            try:
                return await pre_receive(
                    registry.gate,
                    folder,
                    stdin,
                    quarantine=quarantine,
                    write=_tell,
                    moves=registry.ref_audit,
                    denials=registry.denials,
                )
            finally:
                await registry.denials.flush(everything=True)
    except PromptuaryError as error:
        _tell(f"promptuary: {clean_line(error.message)}")
        return 0 if hook == "post-receive" else 1


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_AUTHOR = on_server(Role.AUTHOR)


def system_actor(rights: Rights = _AUTHOR) -> Actor:
    """The user of the operating system, as an author unless said otherwise."""
    try:
        entry = pwd.getpwuid(os.getuid())
        login, name = entry.pw_name, entry.pw_gecos.split(",")[0]
    except KeyError:  # a container may run under a number without a name
        login, name = f"uid-{os.getuid()}", ""
    return Actor(UserName(login), name or login, f"{login}@{socket.gethostname()}", rights)


def repository_of(folder: Path) -> RepositoryName:
    """The name of the repository that a hook runs in. Raises BadRequest where the folder is none of a server's."""
    return repository_name(folder.resolve().name.removesuffix(".git"))


async def pre_receive(
    gate: Judge,
    folder: Path,
    stdin: bytes,
    *,
    quarantine: Path | None,
    write: Write,
    moves: MoveRecorder,
    denials: DenialRecorder,
    actor: Actor | None = None,
) -> int:
    """Judges the push whose updates stand in ``stdin``; 0 lets it in. Every other end refuses it."""
    try:
        pusher, updates = actor or system_actor(), tuple(parse_updates(stdin))
        verdict = await gate.judge(repository_of(folder), updates, pusher, quarantine=quarantine)
        with acting(AuditOrigin(address="local")):
            if verdict.accepted:
                await moves.accept(repository_of(folder), updates, pusher)
            else:
                denials.refused(repository_of(folder), verdict.diagnostics, pusher)
    except PromptuaryError as error:
        write(f"promptuary: {clean_line(error.message)}")
        return 1
    except ValueError:
        write("promptuary: this hook is run by git receive-pack, which tells it what is pushed")
        return 1
    for line in diagnostic_lines(verdict.diagnostics):
        write(clean_line(line))
    if not verdict.accepted:
        write("promptuary: the push was refused, nothing was changed")
    return 0 if verdict.accepted else 1


async def post_receive(reporting: Reporter, folder: Path, stdin: bytes, *, write: Write) -> int:
    """Projects what was pushed and prints what is live. The push is in already, so this never fails it."""
    try:
        lines = await reporting.landed(repository_of(folder), tuple(parse_updates(stdin)))
    except PromptuaryError as error:
        write(f"promptuary: the push is in, but not live yet: {clean_line(error.message)}")
        return 0
    for line in lines:
        write(clean_line(line))
    return 0
