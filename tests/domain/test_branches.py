"""Branch names: what passes is what git itself takes."""

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.branches import parse_branch
from registry.domain.errors import BadRequest


def taken_by_git(name: str) -> bool:
    command = ["git", "check-ref-format", f"refs/heads/{name}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*"ab@.{/-~^:?*[\\ \x7f환é", ".lock", "..", "@{"]), max_size=6).map("".join))
def test_git_takes_every_name_that_passes(name: str) -> None:
    try:
        ref = parse_branch(name)
    except BadRequest:
        # Besides what git refuses only what reads as an option or a revision is refused.
        assert not taken_by_git(name) or name == "@" or any(p.startswith("-") for p in name.split("/"))
        return
    assert ref == f"refs/heads/{name}"
    assert taken_by_git(name)
