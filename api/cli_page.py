"""Writes docs/cli.md from the commands' own help: ``python -m api.cli_page > docs/cli.md``."""

import sys
from typing import Any

from typer.main import get_command

from api.cli import app

WIDTH = 100

_INTRODUCTION = """\
# The command line

`promptuary` serves the registry, and works on its data folder, on checkouts and against a server. People get text and
tables, coloured on a terminal only; programs get JSON with `--json`. Errors are one line on standard error.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | the answer is no: faults were found, something was refused or is not there |
| 2 | it could not be carried out as asked: wrong arguments or settings, files or addresses that cannot be used |
| 130 | ended by Ctrl-C |
| 141 | ended because nobody read the output any more, as in `promptuary list \\| head -1` |

`serve`, `init`, `key` and `index` work on the data folder in `PROMPTUARY_DATA` (see [settings](settings.md)); `key`,
`init` and `index` also while the server runs. `validate`, `check`, `test` and `render` need no server for files that
lie here.
`list`, `get`, `put`, `edit`, `log`, `diff`, `search`, `label`, `import` and `export` ask a server over REST, and so
does `render` for a template that is not here. [`doctor`](doctor.md) looks at whatever of these is there. They read
these variables:

| variable | default | meaning |
| --- | --- | --- |
| `PROMPTUARY_URL` | `http://127.0.0.1:8000` | the server's address |
| `PROMPTUARY_KEY` | none | an API key; scope read is enough for all but `put`, `edit`, `import` and moving labels |
| `PROMPTUARY_REPOSITORY` | `default` | the repository |

Where no key is set, they ask as whom `promptuary login` [signed in](sign-in.md#promptuary-login) to that server.
`--url`, `--key-file` and `--repository` say the same for one call. A key is never an option's value, because others on
the machine can see those. `edit` starts `$VISUAL`, else `$EDITOR`. `NO_COLOR` turns colours off on terminals too.
A write whose answer is lost is sent once more under the same `Idempotency-Key`, so it is done once.

```bash
export PROMPTUARY_KEY=$(cat .data/admin-key)
promptuary list support
promptuary get support/triage > triage.prompt.yaml
promptuary put support/triage triage.prompt.yaml -m "As it was"
promptuary log support/triage
promptuary diff support/triage 1 latest
promptuary search refund
promptuary label list
promptuary export langfuse.json
```

`promptuary --install-completion` makes the Tab key complete commands, options, what `--status`, `--format` and
their like take, and files, in bash, zsh, fish and PowerShell, from the next shell on; `--show-completion` prints the
lines for it, to be put where you want them. Names of templates and labels are completed from the server where
`PROMPTUARY_KEY` is set or somebody is signed in: what it answers within a second, and nothing where there is none.

In a pipeline of a repository that holds templates:

```bash
promptuary validate .
promptuary test
```

`--format` writes the findings for the place that shows them: `github` as annotations of a workflow, `gitlab` as a Code
Quality report, `sarif` (2.1.0) for code scanning, `junit` as test results. Paths are relative to the root of the Git
repository. A finding keeps its fingerprint while lines move above it. In GitLab CI:

```yaml
templates:
  script:
    - promptuary validate . --tests --format gitlab > gl-code-quality-report.json
  artifacts:
    when: always
    reports:
      codequality: gl-code-quality-report.json
```

What follows is each command's `--help` (`python -m api.cli_page` writes this page).
"""


def cli_page() -> str:
    """The page as Markdown."""
    return "\n".join([_INTRODUCTION, *_sections(get_command(app), "promptuary", None)])


def _sections(command: Any, name: str, parent: Any) -> list[str]:
    """A section for a command, and those of the commands below it."""
    width = {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = command.context_class(command, info_name=name, parent=parent, **{**command.context_settings, **width})
    lines = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    below = getattr(command, "commands", {})
    heading = context.command_path
    found = [f"## {heading}\n\n```text\n{lines.strip()}\n```\n"]
    for child, inner in below.items():
        if not inner.hidden:
            found += _sections(inner, child, context)
    return found


if __name__ == "__main__":
    sys.stdout.write(cli_page())
