"""Keeping secrets out of the log, whoever writes them there: a driver's error, a URL, a header in a traceback."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from structlog.typing import EventDict, WrappedLogger

from registry.settings import Settings

HIDDEN = "***"

SHORTEST = 4
"""A set secret that is shorter is not looked for: it would be found in every other word."""

_SECRET_FIELD = re.compile(r"(?i)(?:^|[._-])(?:authorization|cookie|set-cookie|password|passwd|secret|token|api_?key)$")

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"pmt_[A-Za-z0-9_-]{4,}"), f"pmt_{HIDDEN}"),
    (re.compile(r"(?<![A-Za-z0-9])(pm[srdl]_)[A-Za-z0-9_-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}"), f"eyJ{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|apikey|token)(\s+)(?=[A-Za-z0-9+/=._~-]*[0-9A-Z=])[A-Za-z0-9+/=._~-]{8,}"),
     rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)(authorization\W{1,6})(?!(?:bearer|basic|apikey|token)\b)[^\s'\",)\]}]+"), rf"\1{HIDDEN}"),
    (re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\"<>]*:)[^\s'\"<>]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)\b((?:[a-z]+[_-])*(?:password|passwd|pwd|secret|token|api_?key|signature)=)[^&\s'\",;)]+"),
     rf"\1{HIDDEN}"),
)  # fmt: skip
"""Keys and tokens of ours, web tokens, what follows ``Authorization``, passwords in URLs, and ``password=…``."""

_TOKENS = re.compile(rb"(?<![A-Za-z0-9])(pm[tsrdl]_|eyJ)[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]*){0,2}")


def hide_tokens(said: bytes) -> bytes:
    """An error's answer without the keys and tokens that a caller put where names belong: logs of others keep it."""
    return _TOKENS.sub(rb"\1***", said)


class Redaction:
    """A structlog processor. ``known`` are secrets that this process was given, hidden wherever they stand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        words = sorted({word for word in known if len(word) >= SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, words))) if words else None

    @classmethod
    def of(cls, settings: Settings) -> "Redaction":
        """What hides every secret of the settings, and the passwords of the URLs among them."""
        values = [getattr(settings, name) for name in type(settings).model_fields]
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        return cls([*secrets, *(part for secret in secrets for part in _passwords(secret))])

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The line without what nobody should read in it."""
        return {name: self._field(name, value) for name, value in event.items()}

    def text(self, text: str) -> str:
        """A text with ``***`` in the place of every secret."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def _field(self, name: str, value: Any) -> Any:
        return HIDDEN if _SECRET_FIELD.search(name) and value is not None else self._value(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "backslashreplace"))
        if isinstance(value, dict):
            return {key: self._field(str(key), held) for key, held in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(held) for held in value]
        return value if isinstance(value, int | float | bool | None) else self.text(str(value))


def _passwords(secret: str) -> Iterable[str]:
    """The password of a URL, as it stands there and as it is."""
    try:
        password = urlsplit(secret).password
    except ValueError:
        return ()
    return (password, unquote(password)) if password else ()
