"""Ids are their own types, so that no signature takes a bare string for another."""

from typing import NewType

RepositoryName = NewType("RepositoryName", str)
"""A repository's name, unique on the server: ``[a-z0-9][a-z0-9._-]{0,99}``, no ``.git`` at its end."""

CommitId = NewType("CommitId", str)
"""A full commit id: 40 lower-case hexadecimal digits."""

BlobId = NewType("BlobId", str)
"""A full blob id: 40 lower-case hexadecimal digits."""

RefName = NewType("RefName", str)
"""A full ref name, such as ``refs/heads/main``."""

TemplateName = NewType("TemplateName", str)
"""A template's path below ``prompts/`` without ``.prompt.yaml``, in NFC: ``support/triage``."""

LabelName = NewType("LabelName", str)
"""A label word: ``[a-z][a-z0-9-]{0,62}``, never ``latest``."""

Digest = NewType("Digest", str)
"""SHA-256 over a template's closure: 64 lower-case hexadecimal digits."""

UserName = NewType("UserName", str)
"""A user's sign-in name: 1 to 64 letters, digits, ``.``, ``_`` or ``-``."""

GroupName = NewType("GroupName", str)
"""A group's name, built as a user's; the two never meet."""

ProviderName = NewType("ProviderName", str)
"""An identity provider's name, as it stands in addresses: ``[a-z][a-z0-9-]{0,31}``."""

RegistryId = NewType("RegistryId", str)
"""What a data folder and its database know each other by: 16 lower-case hexadecimal digits."""

ZERO_COMMIT = CommitId("0" * 40)
"""What Git writes for "no commit" when a ref is created or deleted."""
