"""Settings, read once from the environment: ``PROMPTUARY_DATA``, ``PROMPTUARY_PORT`` … The only reader of it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from registry.edge_settings import EdgeSettings
from registry.mail_settings import MailSettings
from registry.sign_in_settings import SignInSettings

_REDIS_NUMBER = re.compile(r"(/[0-9]*)?")
_REDIS_SOCKET = re.compile(r"unix://([^/@]*@)?/.+")
_POSTGRES = ("postgresql://", "postgres://")

PATIENT_SECONDS = 60.0


def _address(url: str, *schemes: str) -> SplitResult | None:
    """The parts of an address with one of these schemes and a host; None where it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # looked at, it says whether it is one
    except ValueError:
        return None
    return parts if parts.scheme in schemes and parts.hostname and not any(map(str.isspace, url)) else None


def _pair(word: str, setting: str, form: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not name or not sign or not value:
        raise ValueError(f"{setting} is a list of {form}, with spaces between")
    return name, value


class Settings(EdgeSettings, SignInSettings, MailSettings):
    """Everything that can be set. Each field is described in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix="PROMPTUARY_", frozen=True)

    data: Path = Path(".data")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    sample: bool = True
    max_body_bytes: int = Field(default=1_048_576, gt=0)
    max_import_bytes: int = Field(default=67_108_864, gt=0)
    max_push_bytes: int = Field(default=67_108_864, gt=0)
    render_workers: int = Field(default=2, ge=1, le=64)
    render_seconds: float = Field(default=2.0, gt=0)
    reconcile_seconds: float = Field(default=30.0, gt=0)
    git_url: str | None = None
    namespace: str = Field(default="promptuary", pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    elasticsearch_url: SecretStr | None = None
    elasticsearch_username: str | None = None
    elasticsearch_password: SecretStr | None = None
    elasticsearch_api_key: SecretStr | None = None
    elasticsearch_ca_file: Path | None = None
    elasticsearch_seconds: float = Field(default=0.8, gt=0, le=60)
    auth_grace: float = Field(default=300.0, ge=0)
    redis_url: SecretStr | None = None
    answer_cache_bytes: int = Field(default=67_108_864, ge=0)
    database_url: SecretStr | None = None
    database_shards: SecretStr | None = None
    database_places: str | None = None
    database_connections: int = Field(default=10, ge=2, le=200)
    database_seconds: float = Field(default=0.5, gt=0, le=60)
    keyring_file: Path | None = None
    audit_days: int = Field(default=730, ge=0, le=36_500)
    maintenance_hours: float = Field(default=24.0, ge=0)
    maintenance_commits: int = Field(default=500, gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "text", "json"] = "auto"

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(_POSTGRES):
            raise ValueError("must be an address of PostgreSQL: postgresql://user:password@host:5432/database")
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        text = url.get_secret_value() if url else ""
        if not text or _REDIS_SOCKET.fullmatch(text):
            return url
        parts = _address(text, "redis", "rediss")
        if parts is None or not _REDIS_NUMBER.fullmatch(parts.path):
            raise ValueError("must be an address of Redis: redis://user:password@host:6379/0, or rediss:// with TLS")
        return url

    @field_validator("elasticsearch_url")
    @classmethod
    def _is_elasticsearch(cls, url: SecretStr | None) -> SecretStr | None:
        if url and _address(url.get_secret_value(), "http", "https") is None:
            raise ValueError("must be an address of Elasticsearch: http://user:password@host:9200, or https://")
        return url

    @field_validator("git_url")
    @classmethod
    def _is_git_node(cls, url: str | None) -> str | None:
        if url and _address(url, "http", "https") is None:
            raise ValueError("must be the address of promptuary git: http://host:8001")
        return url

    def told(self) -> dict[str, str | int | float | None]:
        """What may be shown of each: of a secret only whether it is set."""
        found: dict[str, str | int | float | None] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            kept = "(set)" if isinstance(value, SecretStr) else str(value) if isinstance(value, Path) else value
            found[name] = kept
        return found

    def patient(self) -> Self:
        """The same for a command that nobody's request waits for: a minute for each call."""
        return self.model_copy(update={"database_seconds": PATIENT_SECONDS, "elasticsearch_seconds": PATIENT_SECONDS})

    @model_validator(mode="after")
    def _places_are_there(self) -> Self:
        if self.shards and not self.database_url:
            raise ValueError("PROMPTUARY_DATABASE_SHARDS needs PROMPTUARY_DATABASE_URL for all other repositories")
        for name, address in self.shards.items():
            if not address.startswith(_POSTGRES):
                raise ValueError(f"PROMPTUARY_DATABASE_SHARDS gives {name} no address of PostgreSQL: postgresql://…")
        for repository, shard in self.places.items():
            if shard not in self.shards:
                raise ValueError(f"PROMPTUARY_DATABASE_PLACES puts {repository} in {shard}, which is no shard")
        return self

    @property
    def shards(self) -> dict[str, str]:
        """The addresses of further databases by their names."""
        text = self.database_shards.get_secret_value() if self.database_shards else ""
        return dict(_pair(word, "PROMPTUARY_DATABASE_SHARDS", "name=postgresql://…") for word in text.split())

    @property
    def places(self) -> dict[str, str]:
        """The names of the databases that repositories are in; the main one has the others."""
        words = (self.database_places or "").split()
        return dict(_pair(word, "PROMPTUARY_DATABASE_PLACES", "repository=name") for word in words)

    @property
    def repositories(self) -> Path:
        """The folder of the bare repositories."""
        return self.data.resolve() / "repositories"

    @property
    def keyring(self) -> Path:
        """The file of the key ring."""
        return (self.keyring_file or self.data / "keyring.json").resolve()

    @property
    def catalogue(self) -> Path:
        """The catalogue's SQLite file."""
        return self.data.resolve() / "catalogue.sqlite"


class S3Settings(BaseSettings):
    """How a bucket that backups go to is reached, named as AWS's own programs name it (``AWS_ENDPOINT_URL`` …)."""

    model_config = SettingsConfigDict(env_prefix="AWS_", frozen=True)

    endpoint_url: str = ""
    region: str = ""
    default_region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None


class TraceSettings(BaseSettings):
    """Where traces go (``OTEL_EXPORTER_OTLP_ENDPOINT``), by the names that OpenTelemetry has; nowhere where unset."""

    model_config = SettingsConfigDict(env_prefix="OTEL_", frozen=True)

    exporter_otlp_endpoint: str = ""
    exporter_otlp_traces_endpoint: str = ""
    sdk_disabled: bool = False

    @property
    def wanted(self) -> bool:
        """Whether there is somewhere that they can go."""
        return bool(self.exporter_otlp_endpoint or self.exporter_otlp_traces_endpoint) and not self.sdk_disabled


class ClientSettings(BaseSettings):
    """Where the command line finds a server: ``PROMPTUARY_URL`` and ``PROMPTUARY_KEY``."""

    model_config = SettingsConfigDict(env_prefix="PROMPTUARY_", frozen=True)

    url: str = "http://127.0.0.1:8000"
    key: SecretStr | None = None
    repository: str = "default"


class LangfuseSettings(BaseSettings):
    """The Langfuse project that ``promptuary import`` reads, and its keys, named as Langfuse's clients name them."""

    model_config = SettingsConfigDict(env_prefix="LANGFUSE_", frozen=True)

    host: str = ""
    public_key: str = ""
    secret_key: SecretStr | None = None


class CacheSettings(BaseSettings):
    """Where programs keep what can be had again: ``XDG_CACHE_HOME``, else ``~/.cache``."""

    model_config = SettingsConfigDict(frozen=True)

    xdg_cache_home: Path | None = None

    @property
    def folder(self) -> Path:
        """Promptuary's own folder there."""
        return (self.xdg_cache_home or Path("~/.cache").expanduser()) / "promptuary"


class ConfigSettings(BaseSettings):
    """Where programs keep what their user set up: ``XDG_CONFIG_HOME``, else ``~/.config``."""

    model_config = SettingsConfigDict(frozen=True)

    xdg_config_home: Path | None = None

    @property
    def folder(self) -> Path:
        """Promptuary's own folder there."""
        return (self.xdg_config_home or Path("~/.config").expanduser()) / "promptuary"


class MlflowSettings(BaseSettings):
    """How the MLflow server that ``promptuary import`` reads is asked, named as MLflow's own client names it."""

    model_config = SettingsConfigDict(env_prefix="MLFLOW_TRACKING_", frozen=True)

    token: SecretStr | None = None
    username: str = ""
    password: SecretStr | None = None


class EditorSettings(BaseSettings):
    """What the person at the terminal edits with: ``VISUAL``, else ``EDITOR``."""

    model_config = SettingsConfigDict(frozen=True)

    visual: str = ""
    editor: str = ""

    @property
    def command(self) -> str:
        """The editor's command line."""
        return self.visual.strip() or self.editor.strip() or "vi"


class HookSettings(BaseSettings):
    """What Git tells a hook that runs without a server: where the objects of the push wait (GIT_QUARANTINE_PATH)."""

    model_config = SettingsConfigDict(env_prefix="GIT_", frozen=True)

    quarantine_path: Path | None = None


_OF_ANOTHER_REPOSITORY = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_CONFIG_PARAMETERS",
)  # fmt: skip
_COUNT = re.compile(r"[0-9]{1,6}")


def git_environment(configuration: Sequence[tuple[str, str]] = (), **more: str) -> dict[str, str]:
    """The environment for a git of our own: that of whoever calls, without a repository that they work in, and more.

    Settings of ``configuration`` come after those that the caller gives by GIT_CONFIG_COUNT, so ours count. Other
    users cannot see either, as they see a command line.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    said = kept.get("GIT_CONFIG_COUNT") or "0"
    if not _COUNT.fullmatch(said):
        return kept | more  # git refuses to begin, and says why
    for index, (key, value) in enumerate(configuration, int(said)):
        kept |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return kept | {"GIT_CONFIG_COUNT": str(int(said) + len(configuration))} | more
