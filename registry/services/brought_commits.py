"""Which commits a move of a ref brought into the repository, and so who pushed them."""

from collections.abc import Mapping, Sequence

from registry.domain.ids import CommitId, RefName, UserName
from registry.domain.ref_intents import RefIntent
from registry.ports.git import GitStore

LOCAL = "local"
"""The address of who works on the server's machine: his name is one of its operating system, not a user's."""


def brought_commits(store: GitStore, landed: Sequence[RefIntent]) -> Mapping[CommitId, UserName]:
    """The commits that moves of one repository brought, each with who made the move. Long on imports.

    ``landed`` are all its moves that were not asked about before, in their order. Going back from the present refs,
    each is seen as it was then: a commit that another ref had came with that one, whoever moved this one on to it.
    """
    refs: dict[RefName, CommitId] = dict(store.refs())
    found: dict[CommitId, UserName] = {}
    for intent in reversed(landed):
        update = intent.update
        if update.creates:
            refs.pop(update.ref, None)
        else:
            refs[update.ref] = update.old
        if intent.origin.actor is None or intent.origin.address == LOCAL or update.deletes:
            continue
        new = store.new_commits([update.new], list(refs.values())) if intent.pushed else [update.new]
        found |= dict.fromkeys(new, UserName(intent.origin.actor))
    return found
