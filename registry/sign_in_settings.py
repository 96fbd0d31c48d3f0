"""What is set of signing in."""

from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from registry.domain.access_tokens import TokenSpan
from registry.domain.sign_in import SessionSpan


class SignInSettings(BaseSettings):
    """A part of ``Settings``."""

    public_url: str | None = None
    passwords: bool = True
    session_idle_hours: float = Field(default=24.0, gt=0)
    session_days: float = Field(default=30.0, gt=0)
    access_minutes: float = Field(default=10.0, ge=1, le=60)
    refresh_days: float = Field(default=30.0, gt=0)
    login_days: float = Field(default=180.0, gt=0)

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if not url:
            return None
        try:
            parts = urlsplit(url)
            _ = parts.port  # looked at, it says whether it is one
        except ValueError as error:
            raise ValueError("must be an address as browsers show it: https://prompts.example.com") from error
        has_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
        if parts.scheme not in {"http", "https"} or not parts.hostname or has_more:
            raise ValueError("must be an address without a path: https://prompts.example.com")
        return url.rstrip("/")

    @property
    def token_span(self) -> TokenSpan:
        """How long tokens last."""
        longest = timedelta(days=self.login_days)
        return TokenSpan(timedelta(minutes=self.access_minutes), timedelta(days=self.refresh_days), longest)

    @property
    def session_span(self) -> SessionSpan:
        """How long sessions last."""
        return SessionSpan(timedelta(hours=self.session_idle_hours), timedelta(days=self.session_days))
