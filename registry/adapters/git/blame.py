"""Which commit brought each line of a file."""

from registry.adapters.git.content import Content
from registry.adapters.git.process import run_git
from registry.adapters.git.trees import decode_path
from registry.domain.ids import CommitId
from registry.domain.refs import LineRun

_SECONDS = 30


class Blame(Content):
    """The part of a store that looks for where lines come from (GitBlame)."""

    def blame(self, commit: CommitId, path: str) -> list[LineRun]:
        """Runs of lines by the commit that brought them, along first parents and renames, in the file's order."""
        if self.entry(commit, path) is None:
            return []
        command = ["-c", "core.quotePath=false", "blame", "--incremental", "--first-parent", commit, "--", path]
        printed = run_git(self.path, command, quarantine=self.quarantine, timeout=_SECONDS)
        runs: list[LineRun] = []
        head: list[bytes] = []
        for line in printed.split(b"\n"):
            # Each run begins with its commit and three numbers and ends with the file's name; git tells more between.
            if not head:
                head = line.split()
            elif line.startswith(b"filename "):
                source, _, first, count = head
                runs.append(LineRun(int(first), int(count), CommitId(source.decode()), decode_path(line[9:])))
                head = []
        return sorted(runs, key=lambda run: run.first)
