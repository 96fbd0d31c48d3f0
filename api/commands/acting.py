"""Who acts where a command changes something on the server's machine: the user of the operating system."""

from contextlib import AbstractContextManager


def acting_locally() -> AbstractContextManager[None]:
    """What is audited in the context was done by that user, from the address ``local``."""
    from hooks.local import system_actor
    from registry.domain.audit import AuditOrigin
    from registry.services.audit_origin import acting

    return acting(AuditOrigin(system_actor().user, address="local"))
