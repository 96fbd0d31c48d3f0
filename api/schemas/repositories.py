"""Repositories over HTTP."""

from collections.abc import Iterable

from pydantic import Field

from api.schemas.fields import Answered, example
from registry.domain.ids import RepositoryName


class Repository(Answered):
    """A repository on this server."""

    model_config = example(name="default", git_path="/git/default.git")

    name: str
    git_path: str = Field(description="Where Git finds it on this server.")


class RepositoryList(Answered):
    """Every repository, sorted by name."""

    model_config = example(repositories=[{"name": "default", "git_path": "/git/default.git"}])

    repositories: list[Repository]

    @classmethod
    def from_domain(cls, names: Iterable[RepositoryName]) -> "RepositoryList":
        """The body for the names."""
        return cls(repositories=[Repository(name=name, git_path=f"/git/{name}.git") for name in names])
