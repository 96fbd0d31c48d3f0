"""Whether the disk has room, is of a kind that keeps its promises, and knows what time it is."""

from pathlib import Path

from registry.domain.health import Finding, Grade, well
from registry.domain.wording import counted
from registry.ports.health import DiskFacts, Trial

MIB = 1 << 20
LEAST_BYTES, FEW_BYTES = 100 * MIB, 1024 * MIB
LEAST_FILES, FEW_FILES = 1_000, 20_000
MOST_SKEW_SECONDS = 5.0
"""A lock counts as left behind after so long, so a clock that is off by more takes locks from the living."""

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "vboxsf"})
FLEETING = frozenset({"tmpfs", "ramfs"})


def space_finding(disk: DiskFacts) -> Finding:
    """How much room is left, in bytes and in files."""
    free = f"{disk.free_bytes // MIB:,} MiB of {disk.total_bytes // MIB:,} free"
    if disk.total_files:
        free += f", room for {counted(disk.free_files, 'file')}"
    short = disk.free_bytes < LEAST_BYTES or (disk.total_files and disk.free_files < LEAST_FILES)
    few = disk.free_bytes < FEW_BYTES or (disk.total_files and disk.free_files < FEW_FILES)
    if not (short or few):
        return well("space", free)
    why = "On a full disk writes and pushes are refused; reads go on and nothing that was acknowledged is lost."
    remedy = "Make room or enlarge the disk; the server goes on without a restart."
    return Finding("space", Grade.PROBLEM if short else Grade.WARNING, free, why=why, remedy=remedy)


def file_system_finding(folder: Path, disk: DiskFacts) -> Finding:
    """Whether the kind of file system does what SQLite and Git need."""
    if "ro" in disk.options:
        remedy = "Mount it writable; if the system did that itself after an error, check the disk first (dmesg)."
        why = "Nothing can be written: every write and push is refused."
        found = f"{folder} lies on a file system that is mounted read-only"
        return Finding("file-system", Grade.PROBLEM, found, why=why, remedy=remedy)
    if "noexec" in disk.options:
        why = "Git cannot run the hooks there. It would take a push to the folder without judging it."
        remedy = "Mount it without noexec, or put the data folder elsewhere (PROMPTUARY_DATA)."
        found = f"{folder} lies on a file system that is mounted noexec"
        return Finding("file-system", Grade.PROBLEM, found, why=why, remedy=remedy)
    local = "Move the data folder to a local disk (PROMPTUARY_DATA) while the server is stopped."
    if disk.kind in NETWORK or disk.kind.startswith("fuse"):
        why = "SQLite's log needs memory that all its readers share, and locks hold by halves over a network."
        found = f"{folder} lies on {disk.kind}, a file system over a network or of a program"
        return Finding("file-system", Grade.WARNING, found, why=why, remedy=local)
    if disk.kind in FLEETING:
        why = "All of it is gone when the machine restarts."
        return Finding("file-system", Grade.WARNING, f"{folder} lies on {disk.kind}, in memory", why=why, remedy=local)
    return well("file-system", disk.kind or "its kind is not told by this system")


def disk_clock_finding(trial: Trial) -> Finding:
    """Whether files get the time that the system has."""
    if abs(trial.skew_seconds) <= MOST_SKEW_SECONDS:
        return well("disk-clock", "new files get the system's time")
    way = "ahead" if trial.skew_seconds > 0 else "behind"
    found = f"new files are dated {abs(trial.skew_seconds):,.0f} s {way} of the system's clock"
    why = "Locks that a killed process left are told from living ones by their age."
    remedy = "Set both clocks by NTP: the file server's and this machine's (timedatectl set-ntp true)."
    return Finding("disk-clock", Grade.PROBLEM, found, why=why, remedy=remedy)
