"""Names that variables had before an import, where it could not keep them."""

from collections.abc import Container, Mapping

from registry.domain.template import Json


def by_present_names(
    declared: Container[str], metadata: Mapping[str, Json], values: Mapping[str, Json]
) -> Mapping[str, Json]:
    """The values under the names that variables have here; ``metadata`` is the template's.

    A value that is there under the present name counts before one under the old name.
    """
    imported = metadata.get("imported")
    renamed = imported.get("variables") if isinstance(imported, Mapping) else None
    if not isinstance(renamed, Mapping):
        return values
    present = {
        old: new
        for new, old in renamed.items()
        if isinstance(old, str) and old not in declared and new in declared and new not in values
    }
    return {present.get(name, name): value for name, value in values.items()}
