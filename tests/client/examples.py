"""The examples of the pages, as a program."""

import re
from pathlib import Path

from tests.running import ROOT

PAGES = ("docs/clients-python.md", "clients/python/README.md")
_NEEDS_THE_EXTRA = "local=True"


def page_script(page: str, folder: str, *, can_render: bool = True) -> str:
    """Its Python blocks one after the other; what they write goes below ``folder``."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    if not can_render:
        blocks = [each for each in blocks if _NEEDS_THE_EXTRA not in each]
    return "\n".join(blocks).replace("support/good-morning", f"{folder}-{Path(page).stem.lower()}")
