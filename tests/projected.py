"""A history told in batches, for the suites of the catalogue: what the projection would write of a repository."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from registry.domain.catalogue import CommitRow, Facts, LabelMove, ProjectionBatch, Removal, VersionRow
from registry.domain.diagnostics import Diagnostic, Place
from registry.domain.graph import Change
from registry.domain.ids import BlobId, CommitId, LabelName, RefName, RepositoryName, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.template import Status, TemplateType
from registry.domain.versions import VersionState

MAIN = RefName("refs/heads/main")
BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
BROKEN = "broken"


def blob_of(text: str) -> BlobId:
    """The blob id that Git would give a text."""
    data = text.encode()
    return BlobId(hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())


def plain_facts(**changes: object) -> Facts:
    """Facts of a chat template, with what a test wants otherwise."""
    return Facts(**({"type": TemplateType.CHAT} | changes))


class History:
    """The default branch of a repository, commit by commit. A text with ``broken`` in it is not valid."""

    def __init__(self, repository: str = "default", *, seed: str = "") -> None:
        self.repository = RepositoryName(repository)
        self.state = VersionState()
        self.ordinal = 0
        self.tip: CommitId | None = None
        self._seed = seed
        self._labels: dict[tuple[str, str], int] = {}

    def commit(
        self,
        files: Mapping[str, str | None] | None = None,
        *,
        facts: Mapping[str, Facts] | None = None,
        labels: Mapping[tuple[str, str], int | None] | None = None,
        owners: Mapping[str, tuple[str, ...]] | None = None,
        rules: object = None,
        replay: bool = False,
        final: bool = True,
    ) -> ProjectionBatch:
        """The batch of one commit that writes and removes files and moves labels."""
        files = files or {}
        expected, self.ordinal = self.tip, self.ordinal + 1
        row = self._commit_row()
        self.tip = row.commit
        texts = {TemplateName(name): text for name, text in files.items()}
        changes = [
            Change(name, blob_of(text), raw_includes(text.encode())) if text is not None else Change(name, None)
            for name, text in texts.items()
        ]
        step = self.state.step(changes)
        given = facts or {}
        versions = [
            VersionRow(
                name=numbered.name,
                number=numbered.number,
                ordinal=self.ordinal,
                digest=numbered.digest,
                blob=numbered.blob,
                closure=numbered.closure,
                facts=None if self._broken(texts, numbered.name) else given.get(numbered.name, plain_facts()),
                cause=numbered.cause,
                moved_from=numbered.moved_from,
                diagnostics=self._diagnostics(texts, numbered.name),
            )
            for numbered in step.versions
        ]
        return ProjectionBatch(
            repository=self.repository,
            ref=MAIN,
            expected=expected,
            commit=row.commit,
            ordinal=self.ordinal,
            commits=(row,),
            versions=versions,
            removals=[Removal(name, self.ordinal, moved_to) for name, moved_to in step.removed],
            changes=changes,
            labels=self._moves(labels or {}, row),
            owners={TemplateName(name): who for name, who in (owners or {}).items()},
            bodies={blob_of(text): text for text in texts.values() if text is not None},
            rules=rules,
            replay=replay,
            final=final,
        )

    def _commit_row(self) -> CommitRow:
        commit = CommitId(hashlib.sha1(f"{self.repository}{self._seed}{self.ordinal}".encode()).hexdigest())
        at = BEGIN + timedelta(minutes=self.ordinal)
        return CommitRow(self.ordinal, commit, "Kim", "kim@example.com", at, f"Change {self.ordinal}")

    def _moves(self, labels: Mapping[tuple[str, str], int | None], row: CommitRow) -> Sequence[LabelMove]:
        moves = []
        for (label, name), version in labels.items():
            previous = self._labels.get((label, name))
            moves.append(
                LabelMove(
                    LabelName(label),
                    TemplateName(name),
                    version,
                    previous,
                    row.commit,
                    row.ordinal,
                    row.committed_at,
                    row.author_name,
                    row.author_email,
                    row.subject,
                )
            )
            if version is None:
                self._labels.pop((label, name), None)
            else:
                self._labels[label, name] = version
        return moves

    @staticmethod
    def _broken(texts: Mapping[TemplateName, str | None], name: TemplateName) -> bool:
        return BROKEN in (texts.get(name) or "")

    def _diagnostics(self, texts: Mapping[TemplateName, str | None], name: TemplateName) -> tuple[Diagnostic, ...]:
        if not self._broken(texts, name):
            return ()
        return (Diagnostic("yaml-syntax", "is broken", f"prompts/{name}.prompt.yaml", Place(2, 5)),)


DRAFT = plain_facts(status=Status.DRAFT)
