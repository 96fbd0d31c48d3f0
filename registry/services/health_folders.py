"""Whether the data folder can be used by who uses it, and by nobody else."""

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from registry.domain.health import Finding, Grade, well
from registry.domain.wording import counted
from registry.ports.health import PlaceFacts, Trial

GROUP_AND_OTHERS = 0o077

Name = Callable[[int], str]
"""The name of a user by number."""


def quoted(path: Path) -> str:
    """A path as the shell takes it."""
    return shlex.quote(str(path))


def place_finding(folder: PlaceFacts, holds: bool, user: str) -> Finding:
    """Whether there is a data folder. ``holds`` says that a registry lies in it, as far as ``user`` can see."""
    if holds:
        return well("data", str(folder.path))
    serve = f"promptuary serve --data {quoted(folder.path)}"
    why = "Repositories, catalogue and keys lie in it; only serve and init make one."
    remedy = "Name the server's folder (PROMPTUARY_DATA, or --data), or let a server make it."
    if folder.exists and not folder.is_folder:
        found = f"{folder.path} is a file, not a folder"
        return Finding("data", Grade.PROBLEM, found, why=why, remedy="Name another (PROMPTUARY_DATA, or --data).")
    if not folder.exists and folder.problem is None:
        return Finding("data", Grade.PROBLEM, f"there is no folder {folder.path}", "", why, remedy, serve)
    if folder.problem is not None or not os.access(folder.path, os.R_OK | os.X_OK):
        found = f"{user} may not look into {folder.path}"
        remedy = "Run this as the user that runs the server (sudo -u USER promptuary doctor)."
        return Finding("data", Grade.PROBLEM, found, why="The server could not either.", remedy=remedy)
    return Finding("data", Grade.PROBLEM, f"{folder.path} holds no registry", "", why, remedy, serve)


def owner_finding(folder: PlaceFacts, user: int, strangers: Sequence[Path], name: Name) -> Finding:
    """Whether everything belongs to who runs this, which has to be who runs the server."""
    owner, here = name(folder.owner), quoted(folder.path)
    if strangers:
        number = counted(len(strangers), "entry") + (" or more" if len(strangers) >= 100 else "")
        some = ", ".join(str(path.relative_to(folder.path)) for path in strangers[:3])
        return Finding(
            "owner",
            Grade.PROBLEM,
            f"{number} of somebody else: {some} …",
            why="The server may not write there, and Git refuses repositories of another user. It comes of running a "
            "command as root.",
            remedy=f"Give everything to {owner}.",
            command=f"{'' if user == 0 else 'sudo '}chown -R {shlex.quote(owner)} {here}",
        )
    if folder.owner == user:
        return well("owner", f"everything belongs to {owner}, who runs this")
    as_owner = f"sudo -u {shlex.quote(owner)} promptuary doctor --data {here}"
    found = f"the data folder belongs to {owner}, this is run by {name(user)}"
    if user == 0:
        why = "What root writes there the server could not change any more. doctor itself leaves nothing."
        return Finding("owner", Grade.WARNING, found, why=why, remedy=f"Run commands as {owner}.", command=as_owner)
    why = "Git refuses repositories of another user, and files cannot be written."
    return Finding("owner", Grade.PROBLEM, found, why=why, remedy=f"Run commands as {owner}.", command=as_owner)


def mode_finding(folder: PlaceFacts) -> Finding:
    """Whether others than the owner get in."""
    found = f"mode {folder.mode:04o}"
    if not folder.mode & GROUP_AND_OTHERS:
        return well("data-mode", f"{found}: its owner alone gets in")
    why = "Every user of this machine can read the prompts, or push past the server."
    command = f"chmod 700 {quoted(folder.path)}"
    return Finding(
        "data-mode",
        Grade.PROBLEM if folder.mode & 0o022 else Grade.WARNING,
        f"{found}: others may {'write' if folder.mode & 0o022 else 'look into it'}",
        why=why,
        remedy="Close the folder.",
        command=command,
    )


def key_file_finding(file: PlaceFacts, scope: str | None, text: str | None) -> Finding:
    """The first administrator's key. ``scope`` is what it allows, None where it is no key that holds."""
    if file.exists and file.mode & GROUP_AND_OTHERS:
        why = "Whoever reads it may do everything over the API."
        remedy = "Close it; if others have been on this machine, revoke the key too (promptuary key list)."
        command = f"chmod 600 {quoted(file.path)}"
        found = f"{file.path.name} has mode {file.mode:04o}: others may read it"
        return Finding("admin-key", Grade.PROBLEM, found, why=why, remedy=remedy, command=command)
    if file.exists and text is None:
        found, why = f"{file.path.name} cannot be read by this user", "Printed commands read the key from it."
        remedy = "Run this as the user that runs the server."
        return Finding("admin-key", Grade.WARNING, found, why=why, remedy=remedy)
    if scope == "admin":
        return well("admin-key", f"{file.path.name} holds an administrator's key, mode {file.mode:04o}")
    found = f"{file.path.name} holds no key of an administrator" if file.exists else f"there is no {file.path.name}"
    why = "It is the first way in, and the commands that the server prints read it."
    remedy = "Start the server again: it makes a new key and writes it there."
    return Finding("admin-key", Grade.WARNING, found, why=why, remedy=remedy)


def gates_finding(folder: PlaceFacts) -> Finding:
    """Where pushes are judged: whoever gets in there could answer for the gate."""
    if not folder.exists:
        return well("gates", "made when the server starts")
    if not folder.mode & GROUP_AND_OTHERS:
        return well("gates", f"mode {folder.mode:04o}")
    why = "A push is judged through pipes in this folder; who can open it could let a push in."
    found = f"{folder.path.name} has mode {folder.mode:04o}"
    command = f"chmod 700 {quoted(folder.path)}"
    return Finding("gates", Grade.PROBLEM, found, why=why, remedy="Close the folder.", command=command)


def writing_finding(folder: Path, trial: Trial) -> Finding:
    """Whether the data folder takes what a server does with it."""
    if trial.write is not None:
        why = "Nothing can be committed, pushed or indexed."
        remedy = "Mind what the reason says: free some space, mount it writable, or give the folder to this user."
        found = f"nothing can be written in {folder}: {trial.write}"
        return Finding("writing", Grade.PROBLEM, found, why=why, remedy=remedy)
    failed = {"named pipes": trial.pipe, "links": trial.link, "scripts": trial.run, "locks": trial.lock}
    wrong = [f"{what} ({reason})" for what, reason in failed.items() if reason is not None]
    if not wrong:
        return well("writing", "files, pipes, links, locks and scripts work in the data folder")
    why = "Hooks are scripts, and pushes are judged through named pipes: pushes would be refused, or not be judged."
    remedy = "Put the data folder on a local file system that is mounted without noexec (PROMPTUARY_DATA)."
    return Finding("writing", Grade.PROBLEM, f"these do not work in {folder}: {', '.join(wrong)}", "", why, remedy)


def temporary_finding(folder: Path, trial: Trial) -> Finding:
    """Where Python and git put what is only for now."""
    if trial.write is None:
        return well("temporary", f"{folder} can be written")
    why = "promptuary edit, git and SQLite keep large things there for a moment."
    remedy = "Make room, or set TMPDIR to a folder that can be written."
    found = f"nothing can be written in {folder}: {trial.write}"
    return Finding("temporary", Grade.PROBLEM, found, why=why, remedy=remedy)
