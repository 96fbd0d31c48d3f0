"""The files of generated templates: valid prompt/v1, of many shapes and sizes, the same for the same seed."""

from random import Random

from bench.plan import Planned
from bench.prose import Prose, english, korean

_MODELS = (
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-4o"),
    ("openai", "o4-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("google", "gemini-2.5-flash"),
    ("naver", "hcx-005"),
)
_LANGUAGE = "  language: {type: string, enum: [en, ko], default: en}"
_VARIABLES = (
    ("audience", "{type: string, max_length: 200, default: everybody}"),
    ("limit", "{type: integer, minimum: 1, maximum: 50, default: 5}"),
    ("detailed", "{type: boolean, default: false}"),
    ("topics", "{type: array, items: {type: string}, required: false}"),
    ("tone", "{type: string, enum: [formal, friendly, plain], default: plain}"),
)
_LINES = {
    "audience": "Write for {{ audience }}.",
    "limit": "At most {{ limit }} points.",
    "detailed": "{% if detailed %}Give every detail.{% endif %}",
    "topics": "{% for topic in topics or [] %}- {{ topic }}\n{% endfor %}",
    "tone": "Tone: {{ tone }}.",
}
_CHANGED = 1_000_003


class Writer:
    """Writes the file of a planned template at a revision (0 is the first).

    One revision differs from the one before in one paragraph, as edits do.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def write(self, planned: Planned, revision: int) -> bytes:
        """The file's bytes."""
        random = Random(self._seed * 7919 + planned.number)
        prose = korean(planned.domain) if planned.is_korean else english(planned.domain)
        draw = random.random()
        # Bytes of prose: most files end up at 1.8 kB, some at 0.5 and some at 6.
        size = 60 if draw < 0.12 else 4600 if draw > 0.94 else int(random.gauss(900, 250))
        if planned.is_partial:
            return self._partial(planned, prose, random, revision)
        return self._template(planned, prose, random, revision, max(size, 60))

    def _paragraphs(self, planned: Planned, prose: Prose, size: int, revision: int) -> list[str]:
        count = max(1, min(6, size // 220))
        found = []
        for at in range(count):
            # The newest revision that is not above ours and whose turn it was to change this paragraph.
            last = revision - (revision - at) % count if revision >= at else 0
            own = Random((self._seed * 31 + planned.number) * _CHANGED + at * 10_007 + last * 13)
            found.append(prose.paragraph(own, size // count))
        if count == 1 and revision:
            found.append(f"({revision})")
        return found

    def _partial(self, planned: Planned, prose: Prose, random: Random, revision: int) -> bytes:
        uses_language = random.random() < 0.3
        lines = [
            "schema: prompt/v1",
            f"description: {prose.words(random, 6)}",
            "type: text",
            f"tags: [partial, {prose.domain}]",
        ]
        if uses_language:
            lines += ["variables:", _LANGUAGE]
        lines += ["text: |"]
        lines += [f"  {text}" for text in self._paragraphs(planned, prose, random.choice((200, 400, 800)), revision)]
        if uses_language:
            lines.append("  Answer in {{ language }}.")
        return ("\n".join(lines) + "\n").encode()

    def _template(self, planned: Planned, prose: Prose, random: Random, revision: int, size: int) -> bytes:
        is_text = random.random() < 0.15
        topics = random.sample([word for word in prose.lexicon.domains[prose.domain] if word != prose.domain], 2)
        lines = [
            "schema: prompt/v1",
            f"description: {prose.sentence(random).rstrip('.').replace(': ', ', ')}",
            f"type: {'text' if is_text else 'chat'}",
            f"tags: [{', '.join([prose.domain, *topics])}]",
        ]
        draw = random.random()
        if draw < 0.15:
            lines.append(f"status: {'draft' if draw < 0.1 else 'deprecated'}")
        chosen = random.sample(_VARIABLES, int(random.random() * 4))
        lines += [
            "variables:",
            f"  input: {{type: string, description: {prose.words(random, 4)}, max_length: 20000"
            f"{'' if is_text else ', untrusted: true'}}}",
            _LANGUAGE,
        ]
        lines += [f"  {name}: {form}" for name, form in chosen]
        history = not is_text and random.random() < 0.25
        if history:
            lines.append("  history: {type: messages, required: false}")
        body = self._paragraphs(planned, prose, size, revision)
        body += [f'{{% include "{name}" %}}' for name in planned.includes]
        body += [line for name, _ in chosen for line in _LINES[name].split("\n")]
        body.append("Answer in {{ language }}.")
        lines += _text(body) if is_text else _chat(body, prose, random, history=history)
        return ("\n".join(lines + _settings(prose, random)) + "\n").encode()


def _text(body: list[str]) -> list[str]:
    return ["text: |", *(f"  {line}" for line in body), "  <input>{{ input }}</input>"]


def _chat(body: list[str], prose: Prose, random: Random, *, history: bool) -> list[str]:
    lines = ["messages:", "  - role: system", "    content: |", *(f"      {line}" for line in body)]
    if history:
        lines.append("  - placeholder: history")
    if random.random() < 0.2:
        lines += ["  - role: user", f"    content: {prose.words(random, 5)}"]
        lines += ["  - role: assistant", f"    content: {prose.words(random, 8)}"]
    return [*lines, "  - role: user", "    content: |", "      <input>", "      {{ input }}", "      </input>"]


def _settings(prose: Prose, random: Random) -> list[str]:
    provider, model = _MODELS[int(len(_MODELS) * random.random() ** 1.5)]
    tokens = random.randrange(1, 30) * 100
    lines = [f"model: {{provider: {provider}, id: {model}, parameters: {{temperature: 0.2, max_tokens: {tokens}}}}}"]
    draw = random.random()
    if draw < 0.15:
        lines += [
            "output:",
            "  format: json_schema",
            "  name: result",
            "  schema: {type: object, properties: {answer: {type: string}, sure: {type: boolean}}, required: [answer]}",
        ]
    if draw > 0.9:
        lines += [
            "tests:",
            "  - name: the input stands inside its tag",
            f"    variables: {{input: {prose.words(random, 3)}}}",
            '    expect: [{contains: "<input>"}, {not_contains: "{{"}]',
        ]
    return [*lines, f"metadata: {{team: {prose.domain}, reviewed: {str(random.random() < 0.5).lower()}}}"]
