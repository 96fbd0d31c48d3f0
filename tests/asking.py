"""Asking whether a server is there, without a socket left open by what it answers before it is ready."""

from urllib.error import HTTPError
from urllib.request import urlopen


def is_answered(url: str, seconds: float = 5.0) -> bool:
    """Whether the address is answered with a success now."""
    try:
        with urlopen(url, timeout=seconds):
            return True
    except HTTPError as error:
        error.close()  # else it goes with its traceback, some time later, in the middle of another test
        return False
    except OSError:
        return False
