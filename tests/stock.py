"""A small repository for tests: three templates, one of them Korean, one a partial, and a label."""

from collections.abc import Mapping

from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.ids import RefName, RepositoryName, UserName
from registry.domain.rights import EVERY_RIGHT

DEFAULT = RepositoryName("default")
MAIN = RefName("refs/heads/main")
ADA = Actor(UserName("ada"), "Ada Park", "ada@example.com", EVERY_RIGHT)

TONE = """\
schema: prompt/v1
type: text
text: |
  Be brief and kind.
"""

TRIAGE = """\
# Sorts the tickets of the first line.
schema: prompt/v1
description: Sorts one ticket into a queue.
type: chat
tags: [support, triage]
variables:
  ticket: {type: string, description: Raw ticket text, max_length: 200, untrusted: true}
  language: {type: string, enum: [en, ko], default: en}
messages:
  - role: system
    content: |
      You sort support tickets. Answer in {{ language }}.
      {% include "partials/tone" %}
  - role: user
    content: <ticket>{{ ticket }}</ticket>
model: {provider: openai, id: gpt-4o-mini, parameters: {temperature: 0.2, max_tokens: 600}}
tests:
  - name: the ticket stands inside its tag
    variables: {ticket: My card was charged twice}
    expect: [{contains: "<ticket>My card"}]
"""

REFUND = """\
schema: prompt/v1
description: 환불 요청에 답합니다.
type: text
tags: [환불]
variables:
  이름: {type: string}
text: |
  {{ 이름 }} 고객님, 환불을 도와드리겠습니다.
"""

FILES: Mapping[str, str] = {
    "prompts/partials/tone.prompt.yaml": TONE,
    "prompts/support/triage.prompt.yaml": TRIAGE,
    "prompts/고객지원/환불.prompt.yaml": REFUND,
    "CODEOWNERS": "/prompts/support/ @support-leads\n",
    "README.md": "# Prompts\n",
}


async def write_files(registry: Registry, files: Mapping[str, str | None], message: str) -> None:
    """Commits files to the default branch through the gate, as Ada."""
    changes = {path: text.encode() if text is not None else None for path, text in files.items()}
    await registry.writes.submit(DEFAULT, MAIN, lambda _base: changes, actor=ADA, message=f"{message}\n")


async def stock(registry: Registry) -> None:
    """Makes the repository ``default`` with history, all of it projected.

    support/triage has two versions (the second by its partial); ``production`` points to the first.
    """
    registry.repositories.create("default")
    await write_files(registry, FILES, "Add the first templates")
    await write_files(
        registry, {"prompts/partials/tone.prompt.yaml": TONE.replace("brief", "short")}, "Shorten the tone"
    )
    await write_files(registry, {"labels/production/support.yaml": "triage: 1\n"}, "Promote triage")
