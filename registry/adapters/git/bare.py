"""How a bare repository is made and set up."""

from pathlib import Path

import pygit2

SETTINGS = {
    "core.logAllRefUpdates": "true",  # who moved what and when, for finding out later
    # Pushed objects and refs are on the disk before the pusher is told; so are the indexes of packs, without which the
    # packs that take the place of loose objects could not be read after a power cut.
    "core.fsync": "committed,pack-metadata",
    "core.fsyncMethod": "batch",  # many new objects are flushed once
    "transfer.fsckObjects": "true",
    "receive.advertisePushOptions": "true",
    "receive.autogc": "false",  # maintenance is ours: a collection must not run in the middle of a push
    "receive.denyDeleteCurrent": "refuse",
    "uploadpack.allowFilter": "true",  # partial clones
    "gc.auto": "0",
    "gc.pruneExpire": "2.weeks.ago",  # a collection by hand leaves what a job under way may want: that of a day
    "maintenance.auto": "false",
    "repack.writeBitmaps": "false",
}
"""What every repository's configuration says besides ``promptuary.command``."""

HIDDEN = "refs/merge-requests"
"""What ``receive.hideRefs`` keeps from pushes."""


def make_bare(path: Path, default_branch: str) -> None:
    """Makes an empty bare repository in the files ref format (the only one that libgit2 writes)."""
    pygit2.init_repository(str(path), bare=True, initial_head=default_branch).free()


def configure(path: Path, hook_command: str) -> None:
    """Writes our settings where they differ; what else stands in the configuration stays."""
    config = pygit2.Config(str(path / "config"))
    for key, value in (SETTINGS | {"promptuary.command": hook_command}).items():
        if key not in config or config[key] != value:
            config[key] = value
    if HIDDEN not in config.get_multivar("receive.hideRefs"):
        config.set_multivar("receive.hideRefs", "^$", HIDDEN)
    for key in ("core.hooksPath", "core.sharedRepository"):
        if key in config:  # the first would switch the gate off, the second let others write past it
            del config[key]
