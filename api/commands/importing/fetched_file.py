"""A single file at an address: fetched as it is, without any credentials."""

import re
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from api.commands.importing.folder_files import MAX_BYTES
from api.commands.importing.git_address import checked_address, shown_source
from api.commands.importing.source_server import ANSWER_SECONDS, TIMEOUT_SECONDS, NotNow, no_answer, read_answer
from api.commands.request_threads import within
from registry.domain.importing.files import SourceFile, recognise
from registry.domain.importing.imported import SourceUnreadable

_WAY = "download the file and import it from here"
_KEPT = "!#$%&'()*+,/:;=?@[]~"
"""What quoting leaves as it is, besides letters and digits."""


def is_file_address(source: str) -> bool:
    """Whether an address is that of a file in a known format, by the ending of its path."""
    return recognise(_name(source)) is not None


def fetch_file(source: str) -> SourceFile:
    """The file at an address over http or https. Raises SourceUnreadable, with the way out."""
    parts, where = checked_address(source), shown_source(source)
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    data = within(ANSWER_SECONDS, lambda: _fetched(quote(url, safe=_KEPT), where))
    if data is None:
        raise SourceUnreadable(f"{where} is too slow: {_WAY}")
    if isinstance(data, SourceUnreadable):
        raise data
    return SourceFile(_name(source), data, where)


def _name(source: str) -> str:
    path = re.split("[?#]", source.partition("://")[2])[0].partition("/")[2]
    return unquote(path.rpartition("/")[2]).rpartition("/")[2]


def _fetched(url: str, where: str) -> bytes | SourceUnreadable:
    request = Request(url, headers={"Accept": "*/*"})  # noqa: S310  (http or https: the address begins so)
    try:
        with build_opener(_OnlyToHttp).open(request, timeout=TIMEOUT_SECONDS) as answer:
            if answer.headers.get_content_type() == "text/html":
                return SourceUnreadable(f"{where} is a page to look at: give the address of the file itself")
            return read_answer(answer, MAX_BYTES, f"{where} has")
    except HTTPError as error:
        with error:
            return SourceUnreadable(f"{where} {_refused(error.code)}")
    except NotNow as error:
        return SourceUnreadable(f"{where} {error}: nothing was written; try again")
    except SourceUnreadable as error:
        return error
    except (OSError, HTTPException, ValueError) as error:
        return SourceUnreadable(f"{where} {no_answer(error)}: check the address, or try again")


def _refused(code: int) -> str:
    if code in {401, 403}:
        return f"is not given to everybody ({code}), and no password is sent: {_WAY}"
    if 300 <= code < 400:
        return f"leads round, or to what is neither http nor https ({code}): {_WAY}"
    return f"is not given (the server answered {code}): check the address"


class _OnlyToHttp(HTTPRedirectHandler):
    """Follows a redirection to a web server, and to nothing else (``ftp:``)."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        """What is asked next; None leaves the redirection as it is."""
        if not newurl.startswith(("http://", "https://")):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)
