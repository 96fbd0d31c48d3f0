"""Writing templates over the API: each write is a commit on a branch, and names the state that it changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from registry.domain.access import Actor, Scope
from registry.domain.diagnostics import Diagnostic
from registry.domain.errors import (
    BadRequest,
    PreconditionFailed,
    PreconditionRequired,
    RevisionNotFound,
    TemplateNotFound,
)
from registry.domain.ids import CommitId, Digest, LabelName, RefName, RepositoryName, TemplateName
from registry.domain.labels import label_path, write_label
from registry.domain.names import LABELS, template_path
from registry.domain.template import Json
from registry.domain.template_text import write_document
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import Repositories
from registry.services.states import Projected, States, graph_at
from registry.services.templates import make_etag
from registry.services.tree_changes import read_file
from registry.services.writes import Base, Committed, Writes

LONGEST_MESSAGE = 10_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a write made; ``changed`` is False where the file was so already.

    ``version`` is None off the default branch, and with ``etag`` where the write is durable but not projected yet.
    """

    commit: CommitId
    name: TemplateName
    version: int | None
    digest: Digest | None
    etag: str | None
    created: bool
    changed: bool
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _State:
    """What a branch has of a template at the moment of an edit."""

    version: int | None
    digest: Digest

    def fits(self, tags: str) -> bool:
        """Whether one of the entity tags of an If-Match header names this state (``*`` names any)."""
        if tags.strip() == "*":
            return True
        for tag in tags.split(","):
            version, _, rest = tag.strip().removeprefix("W/").strip('"').partition(".")
            digest = rest.partition(".")[0]
            if (
                version == f"v{self.version}"
                if self.version is not None and version != "r"
                else digest == self.digest[:16]
            ):
                return True
        return False


class TemplateEdits:
    """Puts and deletes templates."""

    def __init__(
        self,
        *,
        git: Repositories,
        writes: Writes,
        states: States,
        templates: TemplateIndex,
        versions: VersionIndex,
    ) -> None:
        self._git = git
        self._writes = writes
        self._states = states
        self._templates = templates
        self._versions = versions

    async def put(
        self,
        repository: RepositoryName,
        name: TemplateName,
        source: bytes | Mapping[str, Json],
        *,
        actor: Actor,
        message: str | None = None,
        branch: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Written:
        """Writes a template: bytes as they are, a JSON document into the present file, whose comments stay.

        An existing template needs ``if_match``, a new one ``if_none_match="*"``. Raises PreconditionRequired,
        PreconditionFailed, Refused, Denied, RevisionNotFound for a branch that does not exist, Unavailable.
        """
        actor.require(Scope.WRITE)
        path = template_path(name)
        created = False

        def edit(base: Base, projected: Projected, ref: RefName) -> Mapping[str, bytes | None]:
            nonlocal created
            old = read_file(base.store, base.commit, path)
            created = old is None
            state = _state(base, projected, ref, name, default=self._git.default_branch(repository))
            _check_preconditions(name, state if old is not None else None, if_match, if_none_match)
            return {path: source if isinstance(source, bytes) else write_document(old, source)}

        done, ref = await self._submit(repository, branch, edit, actor, message or f"Update {name}")
        return await self._written(repository, ref, name, done, created=created)

    async def delete(
        self,
        repository: RepositoryName,
        name: TemplateName,
        *,
        actor: Actor,
        message: str | None = None,
        branch: str | None = None,
        if_match: str | None = None,
        drop_labels: bool = False,
    ) -> Written:
        """Deletes a template; its labels too where ``drop_labels``, else labels that name it refuse the deletion.

        Raises as ``put``, and TemplateNotFound.
        """
        actor.require(Scope.WRITE)
        path = template_path(name)

        def edit(base: Base, projected: Projected, ref: RefName) -> Mapping[str, bytes | None]:
            if read_file(base.store, base.commit, path) is None:
                raise TemplateNotFound(f"There is no template {name!r} on {ref.removeprefix('refs/heads/')}.")
            state = _state(base, projected, ref, name, default=self._git.default_branch(repository))
            _check_preconditions(name, state, if_match, None)
            return {path: None, **(_dropped_labels(base, name) if drop_labels else {})}

        done, _ = await self._submit(repository, branch, edit, actor, message or f"Delete {name}")
        return Written(done.commit, name, None, None, None, created=False, changed=done.changed, warnings=done.warnings)

    async def _submit(
        self,
        repository: RepositoryName,
        branch: str | None,
        edit: "Callable[[Base, Projected, RefName], Mapping[str, bytes | None]]",
        actor: Actor,
        message: str,
    ) -> tuple[Committed, RefName]:
        ref = self._branch(repository, branch)
        projected = await self._states.nearest(repository)
        text = _message(message)
        done = await self._writes.submit(
            repository, ref, lambda base: edit(base, projected, ref), actor=actor, message=text
        )
        return done, ref

    def _branch(self, repository: RepositoryName, branch: str | None) -> RefName:
        default = self._git.default_branch(repository)
        if branch is None or f"refs/heads/{branch}" == default:
            return default
        ref = RefName(f"refs/heads/{branch}")
        with self._git.open(repository) as store:
            if ref not in store.refs():
                raise RevisionNotFound(f"There is no branch {branch!r}; make it by pushing it.")
        return ref

    async def _written(
        self, repository: RepositoryName, ref: RefName, name: TemplateName, done: Committed, *, created: bool
    ) -> Written:
        projected = await self._states.nearest(repository)
        if ref != self._git.default_branch(repository):
            with self._git.open(repository) as store:
                digest = graph_at(store, projected, done.commit).digest(name)
            etag = make_etag(None, digest, f"||{done.commit}")
            return Written(done.commit, name, None, digest, etag, created, done.changed, done.warnings)
        if done.changed and projected.commit == done.commit:
            # The usual case: nothing landed after it, so the state has its number, and no label names it yet.
            version, digest = projected.versions.numbers[name], projected.versions.graph.digest(name)
            etag = make_etag(version, digest, "||")
            return Written(done.commit, name, version, digest, etag, created, done.changed, done.warnings)
        return await self._looked_up(repository, name, done, created=created)

    async def _looked_up(
        self, repository: RepositoryName, name: TemplateName, done: Committed, *, created: bool
    ) -> Written:
        """The version that a commit made, from the catalogue; the newest where it made none.

        Without number and tag where the projection is late: an older version's would be wrong.
        """
        page = await self._versions.list_versions(repository, name, limit=32)
        newest = page.items[0] if page.items and not done.changed else None
        made = next((v for v in page.items if v.commit == done.commit), newest)
        entry = await self._templates.find_template(repository, name)
        if made is None or entry is None:
            return Written(done.commit, name, None, None, None, created, done.changed, done.warnings)
        labels = sorted(label for label, number in entry.labels.items() if number == made.number)
        etag = make_etag(made.number, made.digest, f"{','.join(labels)}||")
        return Written(done.commit, name, made.number, made.digest, etag, created, done.changed, done.warnings)


def _state(base: Base, projected: Projected, ref: RefName, name: TemplateName, *, default: RefName) -> _State:
    """The template's version and digest at the base; on other branches only the digest identifies it."""
    graph = graph_at(base.store, projected, base.commit)
    digest = graph.digest(name)
    if ref != default:
        return _State(None, digest)
    number = projected.versions.numbers.get(name, 0)
    if digest != projected.versions.graph.digest(name):
        number += 1
    return _State(number, digest)


def _check_preconditions(
    name: TemplateName, state: _State | None, if_match: str | None, if_none_match: str | None
) -> None:
    if if_none_match is not None and if_none_match.strip() != "*":
        raise BadRequest("If-None-Match must be * for a write: it means that the template must not exist yet.")
    if state is None:
        if if_match is not None:
            raise PreconditionFailed(f"{name} does not exist (any more), so If-Match cannot hold; nothing was changed.")
        if if_none_match is None:
            raise PreconditionRequired(f"{name} does not exist: send If-None-Match: * to create it.")
        return
    etag = make_etag(state.version, state.digest)
    if if_none_match is not None:
        raise PreconditionFailed(
            f"{name} exists already; to change it send If-Match with its ETag. Nothing was changed.",
            etag=etag,
            version=state.version,
        )
    if if_match is None:
        raise PreconditionRequired(f"{name} exists: send If-Match with the ETag that you read, or *.")
    if not state.fits(if_match):
        at = f"at version {state.version}" if state.version is not None else f"at digest {state.digest[:8]}"
        raise PreconditionFailed(
            f"{name} changed since you read it: it is {at} now. Read it again and repeat your change. "
            "Nothing was changed.",
            etag=etag,
            version=state.version,
        )


def _dropped_labels(base: Base, name: TemplateName) -> dict[str, bytes | None]:
    """The label files without the template."""
    dropped: dict[str, bytes | None] = {}
    if base.commit is None:
        return dropped
    for child in base.store.children(base.commit, LABELS.rstrip("/")):
        label = LabelName(child.removeprefix(LABELS).removesuffix(".yaml"))
        path = label_path(label, name)
        data = read_file(base.store, base.commit, path)
        if data is not None and path not in dropped:
            dropped[path] = write_label(data, name, None)
    return dropped


def _message(text: str) -> str:
    """A commit message: bounded, without control characters, ending in a newline."""
    cleaned = "".join(c for c in text.replace("\r\n", "\n") if c.isprintable() or c in "\n\t").strip()
    if not cleaned:
        raise BadRequest("The commit message is empty.")
    if len(cleaned) > LONGEST_MESSAGE:
        raise BadRequest(f"The commit message has {len(cleaned)} characters; at most {LONGEST_MESSAGE} are taken.")
    return cleaned + "\n"
