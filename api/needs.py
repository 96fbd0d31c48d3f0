"""What each route asks of its caller: a role, and where. The table in docs/permissions.md is made from these."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends

from api.dependencies import Caller, Name, ReadName, Repository
from registry.domain.access import Actor
from registry.domain.git_needs import BRANCH, require_branch_maker
from registry.domain.needs import Need, Reach
from registry.domain.rights import Place
from registry.domain.roles import Role

C = TypeVar("C", bound=Callable[..., Awaitable[Actor]])


def need_of(call: object) -> Need | None:
    """What a dependency asks for; None where it asks for nothing."""
    found = getattr(call, "need", None)
    return found if isinstance(found, Need) else None


def _declared(role: Role, reach: Reach) -> Callable[[C], C]:
    def declare(check: C) -> C:
        check.need = Need(role, reach)  # type: ignore[attr-defined]  # a function's own attribute
        return check

    return declare


def on_server(role: Role) -> Callable[..., Awaitable[Actor]]:
    """A dependency: the caller, who has the role on the server. Raises Denied."""

    @_declared(role, Reach.SERVER)
    async def check(caller: Caller) -> Actor:
        caller.require(role)
        return caller

    return check


@_declared(Role.ADMINISTRATOR, Reach.ANYWHERE)
async def administering(caller: Caller) -> Actor:
    """The caller, who is administrator of the server, a repository or a folder. Raises Denied."""
    caller.require_anywhere(Role.ADMINISTRATOR)
    return caller


def in_repository(role: Role) -> Callable[..., Awaitable[Actor]]:
    """A dependency: the caller, who has the role in all of the repository. Raises RepositoryNotFound, Denied."""

    @_declared(role, Reach.REPOSITORY)
    async def check(caller: Caller, repository: Repository) -> Actor:
        caller.require(role, Place(repository))
        return caller

    return check


def somewhere(role: Role) -> Callable[..., Awaitable[Actor]]:
    """A dependency: the caller, who has the role in some folder; what it is done to is looked at later.

    Raises RepositoryNotFound, Denied.
    """

    @_declared(role, Reach.SOMEWHERE)
    async def check(caller: Caller, repository: Repository) -> Actor:
        caller.require_somewhere(role, repository)
        return caller

    return check


@_declared(BRANCH.role, BRANCH.reach)
async def making_branches(caller: Caller, repository: Repository) -> Actor:
    """The caller, who may push a branch of commits that are there. Raises RepositoryNotFound, Denied."""
    require_branch_maker(caller, repository)
    return caller


def in_folder(role: Role) -> Callable[..., Awaitable[Actor]]:
    """A dependency: the caller, who has the role where the template is.

    Raises RepositoryNotFound, TemplateNotFound where it is not seen, Denied.
    """

    @_declared(role, Reach.FOLDER)
    async def check(caller: Caller, repository: Repository, name: Name) -> Actor:
        caller.require_template(role, repository, name)
        return caller

    return check


@_declared(Role.READER, Reach.FOLDER)
async def reading(caller: Caller, repository: Repository, name: ReadName) -> Actor:
    """The same for a reader, who may know a template by its name before an import."""
    caller.require_template(Role.READER, repository, name)
    return caller


ServerAdministrator = Annotated[Actor, Depends(on_server(Role.ADMINISTRATOR))]
Administrator = Annotated[Actor, Depends(administering)]
ServerReader = Annotated[Actor, Depends(on_server(Role.READER))]
BranchMaker = Annotated[Actor, Depends(making_branches)]
RepositoryAuthor = Annotated[Actor, Depends(in_repository(Role.AUTHOR))]
FolderReader = Annotated[Actor, Depends(in_folder(Role.READER))]
FolderAuthor = Annotated[Actor, Depends(in_folder(Role.AUTHOR))]
TemplateReader = Annotated[Actor, Depends(reading)]
Reader = Annotated[Actor, Depends(somewhere(Role.READER))]
Author = Annotated[Actor, Depends(somewhere(Role.AUTHOR))]

SERVER_ADMINISTRATOR = Depends(on_server(Role.ADMINISTRATOR))
REPOSITORY_READER = Depends(in_repository(Role.READER))
FOLDER_READER = Depends(in_folder(Role.READER))
READER = Depends(somewhere(Role.READER))
