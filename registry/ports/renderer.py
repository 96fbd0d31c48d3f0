"""Rendering in a process of its own."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from registry.domain.ids import TemplateName
from registry.domain.rendering import Rendered, TestResult
from registry.domain.template import Json, Template


class Renderer(Protocol):
    """Renders templates and runs their offline tests, with limits on memory and time."""

    async def render(
        self,
        template: Template,
        partials: Mapping[TemplateName, Template],
        values: Mapping[str, Json],
        *,
        strict: bool = False,
    ) -> Rendered:
        """Renders with the given values.

        Raises VariablesInvalid (also for undeclared values where ``strict``), RenderFailed, and RenderLimit where
        the worker hit its limit of memory or time and was replaced.
        """
        ...

    async def run_tests(self, template: Template, partials: Mapping[TemplateName, Template]) -> Sequence[TestResult]:
        """Runs the template's offline tests; a test whose rendering fails or hits a limit is a failed test."""
        ...
