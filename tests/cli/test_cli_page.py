"""docs/cli.md is what the program says of itself, and its words for a client's settings are the real ones."""

import re
from pathlib import Path

from api.cli_page import cli_page
from registry.settings import ClientSettings

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_the_commands_own_help() -> None:
    assert PAGE.read_text(encoding="utf-8") == cli_page(), "python -m api.cli_page > docs/cli.md"


def test_the_settings_of_a_client_are_documented() -> None:
    documented = {
        name.lower(): default
        for name, default in re.findall(r"^\| `PROMPTUARY_([A-Z_]+)` \| `?([^|`]+)`? \|", cli_page(), re.MULTILINE)
    }
    shown = {name: str(field.default or "none") for name, field in ClientSettings.model_fields.items()}
    assert {name: default.strip() for name, default in documented.items()} == shown
