"""What a request is about, as far as it is known: for the audit, which tells what was denied."""

from typing import NamedTuple


class Aim(NamedTuple):
    """A repository, and in it a template, a label, a ref by its full name.

    Instead of a template it can be a folder, with a slash at its end, or the path of another file.
    They are as a caller named them: there need not be any such thing.
    """

    repository: str | None = None
    name: str | None = None
    label: str | None = None
    ref: str | None = None

    def within(self, asked: "Aim") -> "Aim":
        """This with what it leaves open as it was ``asked`` for; of a folder the template in it that was asked for."""
        found = Aim(*(mine or theirs for mine, theirs in zip(self, asked, strict=True)))
        is_folder = self.name is not None and self.name.endswith("/")
        if is_folder and asked.name is not None and asked.name.startswith(str(self.name)):
            return found._replace(name=asked.name)
        return found
