"""Which addresses need no key, and which of them are pages, where a session that there is counts."""

PUBLIC = frozenset(
    {
        *("/", "/livez", "/readyz", "/openapi.json", "/docs"),
        *("/api/v1/sign-in", "/api/v1/join", "/api/v1/password-resets"),
    }
)
PUBLIC_FOLDERS = ("/docs/", "/schemas/", "/oauth/", "/.well-known/")

PAGES = frozenset({"/sign-in", "/sign-out", "/password", "/join", "/reset", "/device"})
PAGE_FOLDERS = ("/sign-in/",)

OF_PASSWORD = frozenset({"/sign-out", "/password", "/api/v1/session", "/api/v1/password"})
"""What somebody may ask who has to change his password first."""


def is_page(path: str) -> bool:
    """Whether it is a page for people, who may be signed in or not."""
    return path in PAGES or path.startswith(PAGE_FOLDERS)


def is_public(path: str) -> bool:
    """Whether a path needs no key: health, documentation, schemas, signing in, and tokens."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDERS) or is_page(path)
