"""A bucket of S3, or of what speaks as it does, as a store of files (``registry.ports.backups.BlobStore``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import BinaryIO, cast

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from registry.domain.errors import NotFound, Unavailable

PIECE = 8 << 20
"""A file goes up in pieces of so many bytes; it is there when the last one is and the bucket has put them together."""

_RETRY_SECONDS = 30


class BucketBlobStore:
    """Files whose names begin with ``prefix``. Who may read them is the bucket's affair."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        region: str,
        endpoint: str = "",
        key_id: str = "",
        secret: str = "",
        token: str = "",
    ) -> None:
        """Without ``endpoint`` it is Amazon's; without a key whatever the machine has (a role, a metadata service)."""
        self._address = f"s3://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        given = {"endpoint": endpoint, "access_key_id": key_id, "secret_access_key": secret, "session_token": token}
        self._store = S3Store(
            bucket,
            region=region,
            client_options={"allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
            **{name: value for name, value in given.items() if value},  # type: ignore[arg-type]  # all are words
        )

    def describe(self) -> str:
        """Where it is."""
        return self._address

    def names(self) -> list[str]:
        """Every file that is there whole, sorted. Raises Unavailable."""
        with self._errors("read"):
            found = (each["path"] for some in obstore.list(self._store, self._prefix or None) for each in some)
            return sorted(path.removeprefix(self._prefix) for path in found)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A new file, there when the context ends; where that raises, what went up is never put together."""
        with self._errors("written"):
            writer = obstore.open_writer(self._store, self._prefix + name, buffer_size=PIECE)
            yield cast("BinaryIO", writer)
            writer.close()

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """A file. Raises NotFound, Unavailable."""
        with self._errors("read"):
            try:
                reader = obstore.open_reader(self._store, self._prefix + name, buffer_size=PIECE)
            except (NotFoundError, FileNotFoundError):
                raise NotFound(f"There is no {name} in {self._address}.") from None
            yield cast("BinaryIO", _Reading(reader))

    def delete(self, name: str) -> None:
        """Removes a file; one that is not there is no error. Raises Unavailable."""
        with self._errors("changed"):
            try:
                obstore.delete(self._store, self._prefix + name)
            except (NotFoundError, FileNotFoundError):
                return

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise Unavailable(f"{self._address} cannot be {doing}: {reason}") from error


class _Reading:
    """A file's bytes as plain ones."""

    def __init__(self, reader: "obstore.ReadableFile") -> None:
        self._reader = reader

    def read(self, size: int | None = None) -> bytes:
        """So many bytes, or all that are left."""
        return bytes(self._reader.read(size))
