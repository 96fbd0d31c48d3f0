"""What a provider says of somebody, read with care: anybody may call himself anything there."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.domain.account_names import LONGEST_NAME
from registry.domain.errors import BadRequest, Denied
from registry.domain.identity_providers import Provider, ProviderSettings
from registry.domain.ids import GroupName, UserName
from registry.domain.template import Json

LONGEST_SUBJECT = 255
MOST_GROUPS = 10_000
LONGEST_GROUP = 200
_EMAIL = re.compile(r"[!-;=?A-~]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,130}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class ProviderClaims:
    """Somebody as a provider tells of him.

    ``subject`` is the one thing that says who he is. ``email`` is an address that the provider has verified: others do
    not count at all. ``username`` and ``name`` are what he calls himself; ``groups`` the provider's.
    """

    subject: str
    username: str | None = None
    name: str | None = None
    email: str | None = None
    groups: tuple[str, ...] = ()


def read_claims(claims: Mapping[str, Json], provider: Provider) -> ProviderClaims:
    """The claims that count, where they have a form that can be used. Raises BadRequest without a subject."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise BadRequest(f"{provider.name} does not say who you are: its answer has no usable subject.")
    return ProviderClaims(
        subject,
        _text(claims.get("preferred_username")) or _text(claims.get("nickname")),
        _text(claims.get("name")),
        _verified_email(claims),
        _groups(claims, provider.groups_claim),
    )


def check_admission(claims: ProviderClaims, settings: ProviderSettings) -> None:
    """Raises Denied for who may not come in: at each sign-in, since groups and addresses change."""
    if settings.domains:
        domain = (claims.email or "").rpartition("@")[2].lower()
        if domain not in settings.domains:
            raise Denied(
                "You need an e-mail address that the provider has verified, in one of the domains that may sign in "
                f"here: {', '.join(settings.domains[:10])}."
            )
    if settings.required_groups and not set(settings.required_groups) & set(claims.groups):
        raise Denied("You are in none of the provider's groups that may sign in here: ask an administrator.")


def groups_here(claims: ProviderClaims, settings: ProviderSettings) -> Sequence[GroupName]:
    """The groups of this server that somebody's groups at the provider stand for."""
    found = [settings.groups[each] for each in claims.groups if each in settings.groups]
    if settings.same_groups:  # Keycloak writes a path
        found += [each.removeprefix("/") for each in claims.groups if each not in settings.groups]
    return [GroupName(each) for each in dict.fromkeys(found)]


def names_for(claims: ProviderClaims, provider: Provider) -> Iterator[UserName]:
    """Names for a new user, the one that he would like first; nobody's name is taken over, so there are many."""
    wished = claims.username or (claims.email or "").partition("@")[0] or provider.provider
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in unicodedata.normalize("NFKC", wished))
    stem = unicodedata.normalize("NFC", kept).strip(".-_")[: LONGEST_NAME - 5] or provider.provider
    yield UserName(stem)
    for number in range(2, 10_000):
        yield UserName(f"{stem}-{number}")


def display_name(claims: ProviderClaims) -> str | None:
    """The name that commits can carry; None where there is none."""
    for text in (claims.name, claims.username):
        kept = " ".join("".join(c for c in text or "" if c.isprintable() and c not in "<>").split())
        if kept:
            return kept[:100].strip()
    return None


def _text(value: Json) -> str | None:
    """A text that has something to show; a provider's lone surrogates could be stored nowhere."""
    if not isinstance(value, str) or not value.strip():
        return None
    return unicodedata.normalize("NFC", value.encode("utf-8", "ignore").decode()).strip()[:1_000] or None


def _verified_email(claims: Mapping[str, Json]) -> str | None:
    """An address that the provider says to have verified. In ASCII: two letters that look alike are two addresses."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        return None
    return email if _EMAIL.fullmatch(email) and len(email) <= 200 else None


def _groups(claims: Mapping[str, Json], path: str | None) -> tuple[str, ...]:
    if path is None:
        return ()
    found: Json = claims[path] if path in claims else dict(claims)  # a claim's name may hold dots, such as an address
    if path not in claims:
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    names = (each for each in listed[:MOST_GROUPS] if isinstance(each, str) and each.isprintable())
    return tuple(dict.fromkeys(name for name in names if 0 < len(name) <= LONGEST_GROUP))
