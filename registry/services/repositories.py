"""The repositories on this server: making, naming and seeding them."""

import difflib

from registry.domain.aims import Aim
from registry.domain.errors import RepositoryNotFound, Unavailable
from registry.domain.ids import RepositoryName
from registry.domain.names import repository_name
from registry.domain.rights import Rights
from registry.ports.git import Births, BornRepositories

DEFAULT = RepositoryName("default")
"""The repository that a fresh server has."""


def require_unborn(git: Births, repository: RepositoryName) -> None:
    """Raises Unavailable where the default branch has commits: a catalogue without any of them got lost."""
    if git.has_commits(repository) is not False:
        raise Unavailable(f"The templates of {repository} are still being read from Git. Try again soon.")


class RepositoryService:
    """Which repositories there are."""

    def __init__(self, *, git: BornRepositories) -> None:
        self._git = git

    def names(self, rights: Rights) -> list[RepositoryName]:
        """Every repository of which somebody sees something, sorted."""
        return [name for name in self._git.names() if rights.sight(name) is not None]

    def require(self, name: str, rights: Rights) -> RepositoryName:
        """The repository of that name.

        Raises RepositoryNotFound also where somebody sees nothing of it, with the nearest names of what he sees.
        """
        names = self._git.names()
        known = [each for each in names if rights.sight(each) is not None]
        if name in known:
            return RepositoryName(name)
        nearest = difflib.get_close_matches(name, known, n=3)
        hidden = Aim(name) if name in names else None
        raise RepositoryNotFound(f"There is no repository {name!r}.", nearest=nearest, hidden=hidden)

    def is_unclear(self, name: str) -> bool:
        """Whether only the Git node can say what there is of it: no such name, or no branch to show, is known here.

        Not where nothing is known yet, which whoever asks is told.
        """
        try:
            return name not in self._git.names() or self._git.has_commits(RepositoryName(name)) is None
        except Unavailable:
            return False

    def is_unborn(self, name: RepositoryName) -> bool:
        """Whether a repository is known to have no commits on its default branch."""
        return self._git.has_commits(name) is False

    def require_unborn(self, name: RepositoryName) -> None:
        """Raises Unavailable where a repository that the catalogue has nothing of has commits."""
        require_unborn(self._git, name)

    def create(self, name: str) -> RepositoryName:
        """Makes a bare repository. Raises RepositoryExists, BadRequest, Unavailable."""
        wanted = repository_name(name)
        self._git.create(wanted)
        return wanted
