"""Who may do what where: roles granted to places, what an API key leaves of them, and what is seen of a repository."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.roles import Role


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The server, a repository on it, or a folder of one with everything below it (no slash at its end)."""

    repository: RepositoryName | None = None
    folder: str = ""

    def covers(self, other: "Place") -> bool:
        """Whether ``other`` is this place or within it."""
        if self.repository is None:
            return True
        if self.repository != other.repository:
            return False
        return not self.folder or f"{other.folder}/".startswith(f"{self.folder}/")

    def __str__(self) -> str:
        if self.repository is None:
            return "the server"
        return f"{self.repository}/{self.folder}" if self.folder else self.repository


SERVER = Place()


def place_of(repository: RepositoryName, name: TemplateName) -> Place:
    """Where a template is: in its folder."""
    return Place(repository, name.rpartition("/")[0])


@dataclass(frozen=True, slots=True)
class Sight:
    """Which templates of a repository somebody may read: those in ``folders``, or all of them where it is None."""

    folders: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden."""
        return self.folders is None

    def has(self, name: str) -> bool:
        """Whether a template is seen, there or not."""
        return self.folders is None or any(name.startswith(f"{folder}/") for folder in self.folders)

    def below(self, folder: str | None) -> tuple[str | None, ...]:
        """The folders that make up what is seen below one (None: of everything); they lie apart from each other."""
        if self.folders is None or (folder is not None and self.has(f"{folder}/x")):
            return (folder,)
        return tuple(each for each in self.folders if folder is None or each.startswith(f"{folder}/"))


EVERYTHING = Sight()
NOWHERE = Sight(())


@dataclass(frozen=True, slots=True)
class Rights:
    """Roles at places. Of all that cover a place the strongest counts: a grant adds, and nothing takes away."""

    roles: tuple[tuple[Place, Role], ...] = ()
    _sights: dict[RepositoryName, Sight | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, roles: Iterable[tuple[Place, Role]]) -> "Rights":
        """Equal rights are equal values, however often and in whatever order they were granted."""
        given = sorted(set(roles), key=lambda each: (_depth(each[0]), -each[1].rank, str(each[0])))
        kept: list[tuple[Place, Role]] = []
        for place, role in given:
            if not any(other.covers(place) and stronger.includes(role) for other, stronger in kept):
                kept.append((place, role))
        return cls(tuple(kept))

    def __str__(self) -> str:
        return ", ".join(f"{role} at {place}" for place, role in self.roles)

    def role_at(self, place: Place) -> Role | None:
        """The role at a place; None where nothing was granted."""
        found = [role for granted, role in self.roles if granted.covers(place)]
        return max(found, key=_rank, default=None)

    def includes(self, role: Role, place: Place) -> bool:
        """Whether one may do at a place what ``role`` may."""
        return any(mine.includes(role) and granted.covers(place) for granted, mine in self.roles)

    def strongest(self, repository: RepositoryName) -> Role | None:
        """The strongest role in the repository or in a folder of it."""
        return next((role for role in reversed(Role) if self.somewhere(role, repository)), None)

    def somewhere(self, role: Role, repository: RepositoryName) -> bool:
        """Whether one may do what ``role`` may in the repository or in a folder of it."""
        whole = Place(repository)
        return any(
            mine.includes(role) and (granted.covers(whole) or whole.covers(granted)) for granted, mine in self.roles
        )

    def anywhere(self, role: Role) -> bool:
        """Whether one may do at some place what ``role`` may."""
        return any(mine.includes(role) for _, mine in self.roles)

    def sight(self, repository: RepositoryName) -> Sight | None:
        """What is seen of a repository; None where nothing is, so that for the reader there is none."""
        if repository not in self._sights:
            self._sights[repository] = self._find_sight(repository)
        return self._sights[repository]

    def seen(self, repository: RepositoryName) -> Sight:
        """The same; ``NOWHERE`` where nothing is seen."""
        return self.sight(repository) or NOWHERE

    def _find_sight(self, repository: RepositoryName) -> Sight | None:
        whole = Place(repository)
        if any(granted.covers(whole) for granted, _ in self.roles):
            return EVERYTHING
        inside = [granted for granted, _ in self.roles if whole.covers(granted)]
        outer = [each for each in inside if not any(other != each and other.covers(each) for other in inside)]
        return Sight(tuple(sorted({each.folder for each in outer}))) if outer else None

    def at_least(self, role: Role) -> "Rights":
        """These, with that role wherever there is a weaker one."""
        return Rights.of((place, max(mine, role, key=_rank)) for place, mine in self.roles)

    def limited(self, ceiling: Role, places: Sequence[Place] = (SERVER,)) -> "Rights":
        """What a key leaves of them: within its places, and no role stronger than its scope allows."""
        return Rights.of(
            (narrower, min(role, ceiling, key=_rank))
            for granted, role in self.roles
            for limit in places
            if (narrower := _both(granted, limit)) is not None
        )


NOTHING = Rights()
EVERY_RIGHT = Rights(((SERVER, Role.ADMINISTRATOR),))


def on_server(role: Role) -> Rights:
    """One role, everywhere."""
    return Rights(((SERVER, role),))


def _both(one: Place, other: Place) -> Place | None:
    """Where two places overlap: places lie within each other or apart."""
    if one.covers(other):
        return other
    return one if other.covers(one) else None


def _depth(place: Place) -> int:
    if place.repository is None:
        return 0
    return 1 + (place.folder.count("/") + 1 if place.folder else 0)


def _rank(role: Role) -> int:
    return role.rank
