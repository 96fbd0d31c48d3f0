"""The programs that servers are made of: found on this machine, or installed from Debian's packages where we may."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.services.service import ServiceFailed, ServiceMissing

_POLICY = Path("/usr/sbin/policy-rc.d")
"""What Debian asks whether an installed server may be started: its exit status 101 says no."""
_lock = asyncio.Lock()


def find_program(name: str, folders: Iterable[Path] = ()) -> Path | None:
    """The program in one of these folders, else on the PATH, else where Debian puts what root runs."""
    found = shutil.which(name, path=os.pathsep.join(map(str, folders))) or shutil.which(name)
    found = found or shutil.which(name, path="/usr/sbin:/sbin")
    return Path(found) if found else None


async def install(package: str, *, missing: str) -> None:
    """Install one of Debian's packages without starting its server.

    Raises ServiceMissing where we may not, or where the package cannot be had: there may be no network.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ServiceMissing(f"{missing}, and no right to install it.")
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    async with _lock:
        with _nothing_starts():
            try:
                await _install_by(apt, package)
            except ServiceFailed as failed:
                raise ServiceMissing(f"{missing}, and it cannot be installed: {failed}") from failed


async def _install_by(apt: list[str], package: str) -> None:
    installing = [*apt, "install", "-y", "--no-install-recommends", package]
    try:
        await run(installing, what=f"apt-get install {package}")
    except ServiceFailed:  # a new machine knows no packages, and an old list names files that are gone
        await run([*apt, "update"], what="apt-get update")
        await run(installing, what=f"apt-get install {package}")


async def run(command: list[str], *, what: str, given: str | None = None) -> str:
    """Run a program to its end and give what it printed. Raises ServiceFailed with the end of that."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if given is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate(given.encode() if given is not None else None)
    text = printed.decode(errors="replace").strip()
    if process.returncode:
        end = "\n".join(f"  {line}" for line in text.splitlines()[-15:])
        raise ServiceFailed(f"{what} failed with status {process.returncode}:\n{end}")
    return text


@contextmanager
def _nothing_starts() -> Iterator[None]:
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


if __name__ == "__main__":
    asyncio.run(install(sys.argv[1], missing=f"{sys.argv[1]} is wanted"))
