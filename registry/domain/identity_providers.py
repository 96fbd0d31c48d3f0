"""Identity providers: where people sign in with an account that they have elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from registry.domain.account_names import group_name
from registry.domain.errors import BadRequest
from registry.domain.ids import ProviderName

SECRET_PURPOSE = "provider"  # noqa: S105  (no secret)
"""What the key ring encrypts the secrets of providers for; the record is the provider's name."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts of this machine: only there an address may be without TLS."""

TAKEN = frozenset({"password", "device", "link", "promptuary"})
"""Words that say something else where the way of a sign-in or the source of a group is told."""

MOST = 1_000
"""Groups and domains that one provider's settings may name."""

_NAME = re.compile("[a-z][a-z0-9-]{0,31}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # RFC 6749, 3.3
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")

_LABEL = re.compile("[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class ProviderKind(StrEnum):
    """What a provider is: each kind has its own presets, and GitHub a protocol of its own."""

    OIDC = "oidc"
    GITLAB = "gitlab"
    GITHUB = "github"
    GOOGLE = "google"
    KEYCLOAK = "keycloak"

    @property
    def called(self) -> str:
        """What people call it."""
        return {"oidc": "OpenID Connect", "gitlab": "GitLab", "github": "GitHub"}.get(self, self.capitalize())

    @property
    def issuer(self) -> str | None:
        """Where it is, unless somebody runs one of his own."""
        known = {
            "gitlab": "https://gitlab.com",
            "github": "https://github.com",
            "google": "https://accounts.google.com",
        }
        return known.get(self)

    @property
    def groups_claim(self) -> str | None:
        """Where it tells somebody's groups; Google does not."""
        return None if self is ProviderKind.GOOGLE else "groups"


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What an administrator says of a provider; all that lets more people in is off until he says so.

    ``groups`` are its groups by the names that they have here; ``same_groups``: also those of one name here and there.
    Who is in none of the ``required_groups``, or has no verified address in one of the ``domains``, does not come in;
    where there are none, everybody does. ``sign_up``: who has no user here gets one. ``link_by_email``: it is believed
    whose address is whose, so that who comes in first is the user with that address; that of no other provider becomes
    a user's. ``allow_private``: its addresses
    may be ones of a private network, or of this machine.
    """

    scopes: tuple[str, ...] = ()
    groups_claim: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    same_groups: bool = False
    required_groups: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    sign_up: bool = False
    link_by_email: bool = False
    allow_private: bool = False

    @property
    def needs_groups(self) -> bool:
        """Whether somebody's groups make a difference."""
        return bool(self.groups or self.same_groups or self.required_groups)


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider, known by its ``issuer``; ``secret`` is a token of the key ring, absent for public clients.

    ``provider`` is its name in addresses, ``name`` that for people.
    """

    provider: ProviderName
    name: str
    kind: ProviderKind
    issuer: str
    client_id: str
    made_at: datetime
    settings: ProviderSettings = field(default_factory=ProviderSettings)
    secret: str | None = field(default=None, repr=False)
    disabled_at: datetime | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for: what was set, else what its kind needs."""
        if self.settings.scopes:
            return self.settings.scopes
        if self.kind is ProviderKind.GITHUB:
            return ("read:user", "user:email", *(("read:org",) if self.settings.needs_groups else ()))
        return ("openid", "profile", "email")

    @property
    def groups_claim(self) -> str | None:
        """The dotted path to somebody's groups."""
        return self.settings.groups_claim or self.kind.groups_claim


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """What a browser carries to a provider and back, encrypted: who comes back without it did not set out from here.

    ``verifier`` is PKCE's (RFC 7636), ``going_to`` the local path to show afterwards.
    """

    provider: ProviderName
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    going_to: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider had the browser bring back (RFC 6749, 4.1.2; ``issuer`` is RFC 9207's)."""

    code: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    issuer: str | None = None
    error: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderFindings:
    """What a provider says of itself, for who sets it up: pairs of a word and what it is."""

    told: tuple[tuple[str, str], ...]


def provider_name(text: str) -> ProviderName:
    """The name. Raises BadRequest."""
    if not _NAME.fullmatch(text):
        raise BadRequest(
            f"{text!r} is no name of a provider: it stands in addresses, so use 1 to 32 small letters (a-z), digits "
            "and '-', a letter first."
        )
    if text in TAKEN:
        raise BadRequest(f"A provider cannot be called {text}: that word says something else here.")
    return ProviderName(text)


def check_provider(provider: Provider) -> None:
    """Raises BadRequest where something of it cannot be."""
    _check_text("name", provider.name, 100)
    _check_text("client id", provider.client_id, 500)
    _check_issuer(provider)
    settings = provider.settings
    counted = (settings.scopes, settings.groups, settings.required_groups, settings.domains)
    if any(len(each) > MOST for each in counted):
        raise BadRequest(f"A provider names at most {MOST} groups and domains.")
    for scope in settings.scopes:
        if not _SCOPE.fullmatch(scope):
            raise BadRequest(f"{scope!r} is no scope: scopes have no spaces, quotes or backslashes.")
    if settings.scopes and provider.kind is not ProviderKind.GITHUB and "openid" not in settings.scopes:
        raise BadRequest("The scopes lack openid: without it the provider does not say who somebody is.")
    if settings.groups_claim is not None and not all(settings.groups_claim.split(".")):
        raise BadRequest(f"{settings.groups_claim!r} is no path to a claim: write one such as realm_access.roles")
    for theirs, ours in settings.groups.items():
        _check_text("group of the provider", theirs, 200)
        group_name(ours)
    for theirs in settings.required_groups:
        _check_text("required group", theirs, 200)
    for domain in settings.domains:
        if not _DOMAIN.fullmatch(domain):
            raise BadRequest(f"{domain!r} is no domain of e-mail addresses: write one such as example.com")


def is_secure(address: str, *, allow_private: bool) -> bool:
    """Whether an address is one of HTTPS; of this machine, where it may be asked, also without TLS."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # looked at, it says whether it is one
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or not address.isascii() or not address.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and allow_private and parts.hostname in LOOPBACK)


def _check_issuer(provider: Provider) -> None:
    issuer = provider.issuer
    if len(issuer) > 500 or "?" in issuer or "#" in issuer or " " in issuer:
        raise BadRequest(f"{issuer[:500]!r} is no issuer: it is an address without '?' and '#'.")
    if not is_secure(issuer, allow_private=provider.settings.allow_private):
        raise BadRequest(
            f"The issuer {issuer!r} must be an address that begins with https://, without a user name. http:// is for "
            "this machine alone, and only with --allow-private (over REST allow_private)."
        )
    if not _is_host(urlsplit(issuer)):
        raise BadRequest(f"The issuer {issuer!r} has no host that there can be: write one such as id.example.com")


def _is_host(parts: SplitResult) -> bool:
    """Whether the host of an address is an IP address, or a name whose labels can be read (also xn--…)."""
    text = parts.hostname or ""
    try:
        ip_address(text)
    except ValueError:
        if "[" in parts.netloc:
            return False
        labels = text.removesuffix(".").split(".")
        return not labels[-1].isdigit() and all(_LABEL.fullmatch(each) and _is_readable(each) for each in labels)
    return True


def _is_readable(label: str) -> bool:
    try:
        label.encode("ascii").decode("idna")
    except UnicodeError:
        return False
    return True


def _check_text(what: str, text: str, longest: int) -> None:
    if not text.strip() or len(text) > longest or not text.isprintable():
        raise BadRequest(f"The {what} {text[:longest]!r} must have 1 to {longest} printable signs.")
