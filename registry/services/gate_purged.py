"""What was purged does not come back: clones that were made before still have it."""

from collections.abc import Awaitable, Callable, Sequence

from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import CommitId
from registry.domain.refs import RefUpdate
from registry.ports.git import GitStore
from registry.services.tree_changes import Run

_WAY_OUT = (
    "It comes from a clone that was made before. Clone again, and put your own commits on top of what is there "
    "(git cherry-pick, or git rebase --onto)."
)


async def find_purged(
    store: GitStore,
    updates: Sequence[RefUpdate],
    new_commits: Callable[[Sequence[RefUpdate]], Awaitable[Sequence[CommitId]]],
    run: Run,
) -> list[Diagnostic]:
    """What of a push was purged before, each thing once; nothing is asked where nothing ever was."""
    purged = store.purged()
    if not purged:
        return []
    found = [
        Diagnostic("purged-content", f"This tag was purged from the repository. {_WAY_OUT}", update.ref)
        for update in updates
        if update.ref.startswith("refs/tags/") and update.new in purged
    ]
    for commit in await new_commits(updates):
        if commit in purged:
            found.append(
                Diagnostic("purged-content", f"Commit {commit[:10]} was purged from the repository. {_WAY_OUT}")
            )
        parents = store.commit(commit).parents
        for change in await run(store.changes, parents[0] if parents else None, commit):
            if change.new is not None and change.new.id in purged:
                what = f"What commit {commit[:10]} has here was purged from the repository. {_WAY_OUT}"
                found.append(Diagnostic("purged-content", what, change.path))
    return list({(each.path, each.message): each for each in found}.values())
