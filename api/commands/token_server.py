"""Asking a server for tokens, by OAuth's protocol."""

import platform
from importlib.metadata import version
from urllib.parse import urlencode
from urllib.request import Request

from api.commands.output import plain
from api.commands.transport import NoAnswer, Reply, Transport

CLIENT = "promptuary-cli"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JSON = "application/json"


class TokenServer:
    """A server as far as it gives tokens."""

    def __init__(self, url: str) -> None:
        self._way = Transport(url)
        self.shown = self._way.shown

    def begin(self, scope: str) -> Reply:
        """Asks for the codes of a sign-in. Raises NoAnswer."""
        return self._post("device", scope=scope)

    def redeem(self, device_code: str) -> Reply:
        """Asks for the tokens of a device code. Raises NoAnswer."""
        return self._post("token", grant_type=DEVICE_CODE, device_code=device_code)

    def refresh(self, refresh_token: str) -> Reply:
        """Asks for the next tokens; once more where the answer was lost, which the server bears. Raises NoAnswer."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            return self._post("token", **fields)
        except NoAnswer as error:
            if not error.sent:
                raise
        return self._post("token", **fields)

    def revoke(self, token: str) -> Reply:
        """Ends the sign-in that a token belongs to. Raises NoAnswer."""
        return self._post("revoke", accept="", token=token)  # there is nothing in the answer

    def _post(self, what: str, *, accept: str = JSON, **fields: str) -> Reply:
        sent = {
            "Accept": accept,
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": f"promptuary {version('promptuary')} on {platform.node()} ({platform.system()})",
        }
        body = urlencode({"client_id": CLIENT, **fields}).encode()
        return self._way.send(Request(f"{self._way.root}/oauth/{what}", body, sent, method="POST"))  # noqa: S310  (address_fault checks the scheme)


def fault_of(reply: Reply) -> tuple[str, str]:
    """OAuth's word for why there is no token, and what was said of it."""
    said = reply.problem
    text = said.get("error_description") or said.get("detail") or f"the server answered {reply.status}"
    return str(said.get("error") or ""), plain(str(text))
