"""Whether a change includes partials that its author may not read: to him they are missing, there or not."""

from collections.abc import Iterator, Mapping

from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import TemplateName
from registry.domain.judging import Outcome
from registry.domain.names import template_path
from registry.services.gate_move import Tip

RULE = "include-missing"


def check_includes(tip: Tip, judged: Mapping[TemplateName, Outcome]) -> list[Diagnostic]:
    """An error for each such partial, on every branch: what a file names, even in a comment, comes with it when read.

    A template that is judged tells most of them itself, with their places; one that is broken does not get so far.
    """
    return [each for name in sorted(tip.unseen) for each in _missing(name, tip, judged)]


def _missing(name: TemplateName, tip: Tip, judged: Mapping[TemplateName, Outcome]) -> Iterator[Diagnostic]:
    outcome = judged.get(name)
    told = [each for each in outcome.diagnostics if each.rule == RULE] if outcome is not None else []
    yield from told
    for partial in sorted(tip.unseen[name]):
        if not any(each.message.startswith(f"{partial}:") for each in told):
            message = f"{partial}: there is no template of that name: correct the name, or add the partial"
            yield Diagnostic(RULE, message, template_path(name))
