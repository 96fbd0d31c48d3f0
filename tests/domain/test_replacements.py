"""Where ``replaced_by`` leads, and that nothing is read twice for it."""

from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import TemplateName
from registry.domain.replacements import LONGEST_WAY, Replacements


class Files:
    """Templates, each replaced by the one beside it, and how often they were read."""

    def __init__(self, leads: dict[str, str]) -> None:
        self.names = [TemplateName(name) for name in leads]
        self.known = {TemplateName(name): TemplateName(target) for name, target in leads.items()}
        self.reads: list[str] = []

    def read(self, name: TemplateName) -> bytes | None:
        self.reads.append(name)
        target = self.known.get(name)
        return None if target is None else f"status: deprecated\nreplaced_by: {target}\n".encode()

    def check(self, *, known: bool) -> list[Diagnostic]:
        replacements = Replacements(self.read, self.known if known else {})
        return [found for name in self.names for found in replacements.check(name) if found is not None]


def chain(length: int) -> dict[str, str]:
    return {f"t{number}": f"t{number + 1}" for number in range(length)}


def test_a_long_chain_is_read_once() -> None:
    files = Files({**chain(1_000), "t999": "t999x", "t999x": "t0"})  # too long a way round to be told
    assert files.check(known=False) == []
    assert sorted(files.reads) == sorted(files.names)
    assert files.check(known=True) == []
    assert len(files.reads) == 1_001, "what is known was read"


def test_what_leads_nowhere_is_told_where_it_says_so() -> None:
    files = Files(chain(20))
    [found] = files.check(known=True)
    assert str(found).startswith(
        "prompts/t19.prompt.yaml:2:14: warning: [replaced-by-nowhere] there is no template t20"
    )
    assert files.reads == ["t20", "t19"]


def test_a_circle_is_told_at_those_that_are_in_it() -> None:
    files = Files({"a": "b", "b": "c", "c": "b"})
    assert [found.path[8] for found in files.check(known=False)] == ["b", "c"]
    longest = {**chain(LONGEST_WAY), f"t{LONGEST_WAY - 1}": "t0"}
    assert len(Files(longest).check(known=True)) == LONGEST_WAY


def test_a_caller_may_pause_after_every_file_that_is_read() -> None:
    files = Files(chain(50))
    steps = list(Replacements(files.read).check(files.names[0]))
    assert len(files.reads) == 51
    assert steps == [None] * 52
    assert list(Replacements(files.read, files.known).check(files.names[0])) == [None, None]
