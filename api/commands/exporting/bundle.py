"""A repository with all its history as one file of Git's, fetched over Git over HTTP."""

import subprocess
from pathlib import Path

from api.commands.exporting.paths import staged, told_faults
from api.commands.output import REFUSED, UNUSABLE, fail, plain
from api.commands.remote import Server
from registry.settings import git_environment

SECONDS = 3600


def export_bundle(server: Server, target: Path) -> dict[str, object]:
    """All branches and tags as a bundle that ``git clone`` takes, checked by ``git bundle verify``; what is in it.

    Ends the program where the server or git refuses. The key reaches git in its environment only.
    """
    server.get("labels")  # says at once where the repository or the key is none
    with told_faults(target), staged(target.absolute().parent) as stage:
        bare, bundle = stage / "bare.git", stage / "bundle"
        _git(server, "clone", "--quiet", "--bare", "--", server.git_address, str(bare))
        refs = _git(server, "for-each-ref", "--format=%(refname) %(objectname)", at=bare).split("\n")
        if not any(refs):
            fail(f"the repository {server.repository} has no commit yet, so there is nothing to bundle", REFUSED)
        _git(server, "bundle", "create", "--quiet", str(bundle), "HEAD", "--branches", "--tags", at=bare)
        _git(server, "bundle", "verify", "--quiet", str(bundle), at=bare)
        size = bundle.stat().st_size
        bundle.replace(target)
    return {"refs": dict(ref.split(" ") for ref in refs if ref), "bytes": size}


def _git(server: Server, *arguments: str, at: Path | None = None) -> str:
    """What git says, in the folder ``at``. Ends the program where it fails."""
    authorization = server.authorization
    configuration = [
        ("http.extraHeader", authorization),
        ("http.followRedirects", "false"),
        ("credential.helper", ""),
        ("core.askPass", ""),
    ]
    environment = git_environment(configuration, GIT_TERMINAL_PROMPT="0", GIT_ASKPASS="", LC_ALL="C.UTF-8")
    try:
        done = subprocess.run(  # nosec B603, B607  # git from the PATH
            ["git", *arguments], cwd=at, env=environment, capture_output=True, stdin=subprocess.DEVNULL,
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        fail("git is needed for a bundle, and there is none on the PATH: install it", UNUSABLE)
    except subprocess.TimeoutExpired:
        fail(f"git did not end within {SECONDS} seconds: nothing was written; try again", UNUSABLE)
    if done.returncode:
        lines = [plain(line) for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        said = (lines or ["it says nothing"])[-1].replace(authorization, "(hidden)")
        fail(f"git {arguments[0]} failed for {server.shown}: {said}. Nothing was written", UNUSABLE)
    return done.stdout.decode("utf-8", "replace").strip()
