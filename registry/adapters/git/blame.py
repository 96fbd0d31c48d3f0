"""Which commit brought each line of a file."""

from registry.adapters.git.content import Content
from registry.adapters.git.process import run_git
from registry.adapters.git.trees import decode_path
from registry.domain.ids import CommitId
from registry.domain.refs import Arrival, LineRun

_SECONDS = 30


class Blame(Content):
    """The part of a store that looks for where lines come from (GitBlame)."""

    def blame(self, commit: CommitId, path: str, *, since: CommitId | None = None) -> list[LineRun]:
        """Runs of lines by the commit that brought them, along first parents and renames, in the file's order."""
        entry = self.entry(commit, path)
        if entry is None:
            return []
        if since == commit:  # to git an empty range is one up to HEAD
            ((_, data),) = self.read([entry.id])
            return [LineRun(1, len(data.removesuffix(b"\n").split(b"\n")), commit, path)] if data else []
        return self._runs(f"{since}..{commit}" if since is not None else commit, path)

    def arrival(self, commit: CommitId, path: str) -> Arrival | None:
        """The last commit on the first-parent chain that added a path, and where git says that it comes from."""
        added = ["log", "--first-parent", "-m", "--no-renames", "--diff-filter=A", "--format=%H %P", "-1"]
        printed = run_git(self.path, [*added, commit, "--", path], quarantine=self.quarantine, timeout=_SECONDS)
        by, *parents = (CommitId(each) for each in printed.decode().split()[:2] or [""])
        if not by:
            return None
        if not parents:
            return Arrival(by, None, None)
        former = (run.path for run in self._runs(f"{parents[0]}..{by}", path) if run.commit == parents[0])
        return Arrival(by, parents[0], next(former, None))

    def _runs(self, revisions: str, path: str) -> list[LineRun]:
        command = ["-c", "core.quotePath=false", "blame", "--incremental", "--first-parent", revisions, "--", path]
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
