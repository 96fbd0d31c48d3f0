"""Whether the data folder and the database belong together."""

from pathlib import Path

from registry.domain.health import Finding, Grade, well
from registry.domain.ids import RegistryId
from registry.domain.pairing import FILE, is_registry_id, misfit, no_registry_id
from registry.services.health_folders import quoted


def pairing_finding(data: Path, text: str | None, database: str, there: RegistryId | None) -> Finding:
    """Whether both have the same id. ``text`` is what the folder's file holds, None where there is none."""
    here = text.strip() if text is not None else None
    known = RegistryId(here) if here is not None and is_registry_id(here) else None
    if here is not None and known is None:
        found, remedy = no_registry_id(FILE)
        command = f"rm {quoted(data / FILE)}"
        return Finding("registry-id", Grade.PROBLEM, found, "", "Nothing starts on this folder.", remedy, command)
    if there is not None and known != there:
        wrong = misfit(str(data), database, known, there)
        why = f"Nothing starts with both. {wrong.why}"
        return Finding("registry-id", Grade.PROBLEM, wrong.found, why=why, remedy=wrong.remedy, command=wrong.command)
    if there is not None:
        return well("registry-id", f"{there}, in the data folder and in {database}")
    return well("registry-id", f"{known or 'none yet'}; the next start gives it to {database}")
