"""Where a data folder's catalogue is, remembered in the folder: users and keys must not be looked for in another.

A folder whose catalogue is in PostgreSQL looks like one whose SQLite file is yet to be made. Without this a command
that was not told the database's address would make that file: a backup without users and keys, another first key.
"""

from urllib.parse import urlsplit

from pydantic import SecretStr

from registry.domain.errors import Unavailable
from registry.settings import Settings

REMEMBERED = "catalogue-in-postgresql"
"""The file in the data folder that says so; it holds host, port and name of the database, and no password."""


def remember_catalogue(settings: Settings) -> None:
    """Notes in the data folder that its catalogue is in PostgreSQL, where it is. Raises Unavailable."""
    if settings.database_url is None:
        return
    place = f"{_without_password(settings.database_url)}\n"
    path = settings.data / REMEMBERED
    try:
        if not path.exists() or path.read_text("utf-8") != place:
            path.write_text(place, "utf-8")
    except OSError as error:
        raise Unavailable(f"Cannot write {path}: {error.strerror}.") from error


def place_of(settings: Settings) -> str:
    """Where the settings say that the catalogue is, for people; no secret."""
    if settings.database_url is None:
        return f"its catalogue {settings.catalogue.name}"
    return f"the database {_without_password(settings.database_url)}"


def _without_password(address: SecretStr) -> str:
    parts = urlsplit(address.get_secret_value())
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def kept_elsewhere(settings: Settings) -> str | None:
    """The place that is remembered, where the settings lead to a SQLite file instead; else None."""
    if settings.database_url is not None:
        return None
    try:
        return (settings.data / REMEMBERED).read_text("utf-8", "replace").strip()
    except OSError:  # it is not there, or nothing else of the folder can be read either, which is said where it is
        return None


def check_catalogue(settings: Settings) -> None:
    """Raises Unavailable where the folder's catalogue is in PostgreSQL and the settings do not say so."""
    place = kept_elsewhere(settings)
    if place is not None:
        raise Unavailable(
            f"The catalogue of {settings.data.resolve()}, with its users and keys, is in PostgreSQL ({place}), and "
            f"PROMPTUARY_DATABASE_URL is not set. {way_out(settings)} Nothing was changed."
        )


def way_out(settings: Settings) -> str:
    """What to do then."""
    return (
        "Set it as the server has it (in a clone after make services: . .services/env). To give that catalogue up and "
        f"begin a file of its own, with no users and new keys, remove {settings.data.resolve() / REMEMBERED}."
    )
