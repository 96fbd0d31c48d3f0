"""The rules that one template file alone can break and that a JSON Schema cannot say.

What needs a template's partials stands in ``closure_rules``; what needs the repository, in the gate.
"""

from collections.abc import Collection

from registry.domain.closure_rules import placed_variables, undeclared
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import TemplateName
from registry.domain.language import scan
from registry.domain.message_rules import check_messages
from registry.domain.offline_test_rules import check_tests
from registry.domain.rule_check import Check
from registry.domain.setting_rules import check_settings
from registry.domain.variable_rules import check_variables


def check_template(check: Check, raw_includes: Collection[TemplateName]) -> list[Diagnostic]:
    """Everything that is wrong with the template of one file. ``raw_includes`` is what its bytes include."""
    check_variables(check)
    check_messages(check)
    check_settings(check)
    check_tests(check)
    check_language(check, raw_includes)
    return check.found


def check_declared(check: Check) -> list[Diagnostic]:
    """The undeclared variables of a file in which something else is wrong too; of a sound one ``closure_rules`` says.

    Nothing where what is wrong may be the declarations.
    """
    declared = check.said.get("variables", {})
    if not isinstance(declared, dict):
        return []
    uses = [(name, place) for name, _, place in placed_variables(check.template)]
    for _, text in check.template.texts():
        uses += [(name, text.place_of(*place)) for name, place in scan(text.source).uses.items()]
    return [
        Diagnostic("variable-undeclared", undeclared(name, declared), check.path, place)
        for name, place in uses
        if name not in declared
    ]


def check_language(check: Check, raw_includes: Collection[TemplateName]) -> None:
    """Every template string by the rules of the language; codes are those of ``language`` and include-hidden."""
    for _, text in check.template.texts():
        found = scan(text.source)
        for issue in found.issues:
            check.say_at(issue.rule, issue.message, text.place_of(issue.line, issue.column))
        for include in found.includes:
            if include.name not in raw_includes:
                message = (
                    f"the include of {include.name} cannot be seen in the file's bytes, on which versions rest: "
                    "write the tag on one line and without YAML escapes, best in a block (|)"
                )
                check.say_at("include-hidden", message, text.place_of(include.line, include.column))
