"""Users, groups, grants and keys as the audit has them."""

from registry.domain.access import ApiKey, Grant, Group, User
from registry.domain.audit import utc_text
from registry.domain.rights import SERVER
from registry.domain.template import Json


def user_body(user: User) -> Json:
    """A user, as entries of the audit say him."""
    disabled = utc_text(user.disabled_at) if user.disabled_at is not None else None
    said = {"user": user.user, "name": user.name, "email": user.email, "is_service": user.is_service}
    return {**said, "disabled_at": disabled}


def grant_body(grant: Grant) -> Json:
    """A grant, as entries say it."""
    place = {"repository": grant.place.repository, "folder": grant.place.folder or None}
    return {"id": grant.id, "role": grant.role.value, "user": grant.user, "group": grant.group, **place}


def group_body(group: Group) -> Json:
    """A group, as entries say it."""
    by_provider: Json = {provider: list(users) for provider, users in group.by_provider.items()}
    members: Json = list(group.members)
    return {"group": group.group, "name": group.name, "members": members, "members_by_provider": by_provider}


def key_body(key: ApiKey) -> Json:
    """A key, as entries say it; what does not hold it down is left out."""
    said: dict[str, Json] = {"id": key.id, "user": key.user, "scope": key.scope.value, "note": key.note}
    if narrow := [str(place) for place in key.places if place != SERVER]:
        said["places"] = list(narrow)
    if key.expires_at is not None:
        said["expires_at"] = utc_text(key.expires_at)
    if key.made_by is not None:
        said["made_by"] = key.made_by
    return said
