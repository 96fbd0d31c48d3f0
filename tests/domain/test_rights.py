"""Rights: what covers what, what a key leaves of them, and what is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.rights import EVERY_RIGHT, NOTHING, SERVER, Place, Rights, Sight, place_of
from registry.domain.roles import Role, Scope

ONE, TWO = RepositoryName("one"), RepositoryName("two")
FOLDERS = ["", "a", "a/b", "a/b/c", "ab", "z"]
PLACES = st.one_of(
    st.just(SERVER), st.builds(Place, repository=st.sampled_from([ONE, TWO]), folder=st.sampled_from(FOLDERS))
)
ROLES = st.sampled_from(Role)
RIGHTS = st.lists(st.tuples(PLACES, ROLES), max_size=6)


def strongest(roles: list[tuple[Place, Role]], place: Place) -> Role | None:
    """The rule itself, said as plainly as can be."""
    return max((role for granted, role in roles if granted.covers(place)), key=lambda role: role.rank, default=None)


def test_roles_include_those_before_them() -> None:
    assert Role.MAINTAINER.includes(Role.AUTHOR)
    assert Role.AUTHOR.includes(Role.AUTHOR)
    assert not Role.READER.includes(Role.AUTHOR)


def test_a_scope_holds_a_role_down() -> None:
    assert [scope.ceiling for scope in Scope] == list(Role)


@pytest.mark.parametrize(
    ("outer", "inner", "covers"),
    [
        (SERVER, Place(ONE, "a"), True),
        (Place(ONE), Place(ONE), True),
        (Place(ONE), Place(ONE, "a/b"), True),
        (Place(ONE, "a"), Place(ONE, "a/b"), True),
        (Place(ONE, "a"), Place(ONE, "ab"), False),
        (Place(ONE, "a/b"), Place(ONE, "a"), False),
        (Place(ONE), SERVER, False),
        (Place(ONE), Place(TWO, "a"), False),
    ],
)
def test_a_place_covers_what_lies_in_it(outer: Place, inner: Place, covers: bool) -> None:
    assert outer.covers(inner) is covers


@given(RIGHTS, PLACES)
def test_a_grant_adds_and_nothing_takes_away(granted: list[tuple[Place, Role]], place: Place) -> None:
    rights = Rights.of(granted)

    assert rights.role_at(place) == strongest(granted, place)
    for role in Role:
        found = strongest(granted, place)
        assert rights.includes(role, place) == (found is not None and found.includes(role))


@given(RIGHTS, st.randoms())
def test_equal_rights_are_equal_values(granted: list[tuple[Place, Role]], random: object) -> None:
    again = [*granted, *granted]
    random.shuffle(again)  # type: ignore[attr-defined]  # a Random, which hypothesis controls

    assert Rights.of(again) == Rights.of(granted)
    assert hash(Rights.of(again)) == hash(Rights.of(granted))


@given(RIGHTS, st.sampled_from(Scope), st.lists(PLACES, max_size=3), PLACES)
def test_a_key_has_what_both_its_user_and_its_limits_allow(
    granted: list[tuple[Place, Role]], scope: Scope, limits: list[Place], place: Place
) -> None:
    left = Rights.of(granted).limited(scope.ceiling, limits).role_at(place)

    own = strongest(granted, place)
    within = any(limit.covers(place) for limit in limits)
    if own is None or not within:
        assert left is None
    else:
        assert left is not None
        assert left.rank == min(own.rank, scope.ceiling.rank)


@given(RIGHTS, st.sampled_from(["a/x", "a/b/x", "a/b/c/x", "ab/x", "z/x", "x"]))
def test_what_is_seen_is_what_one_has_a_role_at(granted: list[tuple[Place, Role]], text: str) -> None:
    name = TemplateName(text)
    sight = Rights.of(granted).sight(ONE)

    seen = sight is not None and sight.has(name)
    assert seen == (strongest(granted, place_of(ONE, name)) is not None)


@given(RIGHTS)
def test_a_repository_of_which_nothing_is_seen_is_not_there(granted: list[tuple[Place, Role]]) -> None:
    reaches = any(place.repository in {None, ONE} for place, _ in granted)

    assert (Rights.of(granted).sight(ONE) is not None) == reaches


def test_folders_within_seen_ones_are_not_said_again() -> None:
    rights = Rights.of(
        [(Place(ONE, "a/b"), Role.AUTHOR), (Place(ONE, "a"), Role.READER), (Place(ONE, "z"), Role.READER)]
    )

    assert rights.sight(ONE) == Sight(("a", "z"))


def test_somewhere_is_the_repository_or_a_folder_of_it() -> None:
    rights = Rights.of([(Place(ONE, "a"), Role.AUTHOR)])

    assert rights.somewhere(Role.AUTHOR, ONE)
    assert not rights.somewhere(Role.MAINTAINER, ONE)
    assert not rights.somewhere(Role.READER, TWO)
    assert EVERY_RIGHT.somewhere(Role.ADMINISTRATOR, TWO)
    assert not NOTHING.somewhere(Role.READER, ONE)


def test_a_place_is_written_as_it_is_typed() -> None:
    assert [str(each) for each in (SERVER, Place(ONE), Place(ONE, "a/b"))] == ["the server", "one", "one/a/b"]
