"""Writes the two hooks into a repository."""

import os
from pathlib import Path

_SCRIPTS = Path(__file__).parent / "hook_scripts"
HOOKS = ("pre-receive", "post-receive")
"""The hooks of every repository."""


def hook_text(hook: str) -> str:
    """The POSIX shell script of a hook (``pre-receive`` or ``post-receive``)."""
    text = (_SCRIPTS / f"{hook}.sh").read_text("utf-8")
    return text.replace("@WITHOUT_SERVER@", (_SCRIPTS / "without_server.sh").read_text("utf-8"))


def install_hooks(repository: Path) -> None:
    """Writes both hooks where they are missing or differ; a push that runs meanwhile sees the old or the new one whole.

    Raises OSError.
    """
    folder = repository / "hooks"
    folder.mkdir(exist_ok=True)
    for hook in HOOKS:
        file, text = folder / hook, hook_text(hook)
        if file.is_file() and not file.is_symlink() and os.access(file, os.X_OK) and file.read_text("utf-8") == text:
            continue
        new = folder / f".{hook}.new"
        new.write_text(text, "utf-8")
        new.chmod(0o755)
        new.replace(file)
