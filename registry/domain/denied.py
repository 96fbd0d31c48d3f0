"""What counts as denied to somebody, of all that he can be told: said here for every way in."""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from registry.domain.access_tokens import OAuthFault
from registry.domain.aims import Aim
from registry.domain.branches import HEADS, TAGS
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.errors import Denied, NotFound, PromptuaryError, Refused
from registry.domain.labels import label_of_path
from registry.domain.names import template_name

RULES_OF_RIGHTS = frozenset(
    {
        "change-not-allowed",
        "commit-identity",
        "default-branch",
        "force-push",
        "label-not-allowed",
        "label-review",
        "push-not-allowed",
        "ref-not-allowed",
    }
)
"""Findings that say who may do something; all others say that something is wrong, whoever does it."""

FAULTS_OF_RIGHTS = frozenset(
    {
        OAuthFault.ACCESS_DENIED,
        OAuthFault.INVALID_CLIENT,
        OAuthFault.INVALID_GRANT,
        OAuthFault.INVALID_SCOPE,
    }
)
"""The same of OAuth's errors: others tell a program to wait, or that it asks wrongly."""

HIDDEN = "hidden"
"""Why there is nothing for somebody who may not see it."""

MOST = 10
"""How many places of one refused change are told."""


class Denial(NamedTuple):
    """What was denied, and why where its status does not say it: a rule's code, an OAuth error, or ``HIDDEN``."""

    aim: Aim = Aim()
    reason: str | None = None


def denials_of(error: PromptuaryError) -> list[Denial]:
    """What an error denies; nothing where it is about something else."""
    if isinstance(error, Refused):
        return denials_in(error.diagnostics)
    if isinstance(error, Denied):
        return [Denial(error.aim)]
    if isinstance(error, NotFound) and error.hidden is not None:
        return [Denial(error.hidden, HIDDEN)]
    return []


def denials_in(found: Iterable[Diagnostic], repository: str | None = None) -> list[Denial]:
    """What a refused change was denied: each place and rule once, the first ``MOST`` of them."""
    denied = (each for each in found if each.rule in RULES_OF_RIGHTS and each.severity is Severity.ERROR)
    told = dict.fromkeys(Denial(_aim_of(each.path, repository), each.rule) for each in denied)
    return list(islice(told, MOST))


def _aim_of(path: str, repository: str | None) -> Aim:
    """What a finding is about: a ref, the template or label of a file, or another file."""
    if path.startswith((HEADS, TAGS)):
        return Aim(repository, ref=path)
    label = label_of_path(path)
    if label is not None:
        return Aim(repository, f"{label[1]}/" if label[1] else None, label[0])
    return Aim(repository, template_name(path) or path or None)
