"""``promptuary serve``, and the three parts of it as processes of their own: ``git``, ``indexer`` and ``api``."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.output import UNUSABLE, Data, fail, settings_of

if TYPE_CHECKING:
    from registry.settings import Settings

Port = Annotated[int | None, typer.Option(help="The port. [default: PROMPTUARY_PORT, else 8000]", show_default=False)]
Host = Annotated[
    str | None, typer.Option(help="The address. [default: PROMPTUARY_HOST, else 127.0.0.1]", show_default=False)
]
Sample = Annotated[
    bool | None, typer.Option("--sample/--no-sample", help="Set up the sample repository in an empty data folder.")
]


def serve(port: Port = None, host: Host = None, data: Data = None, sample: Sample = None) -> None:
    """Serve the registry until Ctrl-C: REST, Git over HTTP and the indexer in one process.

    An empty data folder gets a first administrator's key (DATA/admin-key) and a sample repository named default.

    \b
    promptuary serve
    promptuary serve --port 8123 --data /var/lib/promptuary
    """
    _run("serve", settings_of(data, port=port, host=host, sample=sample))


def git(port: Port = None, host: Host = None, data: Data = None, sample: Sample = None) -> None:
    """Serve the Git node: Git over HTTP, the gate, every write, and all of REST, on the disk with the repositories.

    There is one for a data folder. It needs PROMPTUARY_DATABASE_URL, and promptuary indexer on the same folder.

    \b
    promptuary git --port 8001 --data /var/lib/promptuary
    """
    _run("git", settings_of(data, port=port, host=host, sample=sample))


def indexer(port: Port = None, host: Host = None, data: Data = None) -> None:
    """Project Git into the indexes; of several, one leads, and another takes over within seconds.

    It runs where the Git node's data folder is, and serves /livez, /readyz and /metrics, nothing else.

    \b
    promptuary indexer --port 8002 --data /var/lib/promptuary
    """
    _run("indexer", settings_of(data, port=port, host=host))


def api(
    port: Port = None,
    host: Host = None,
    workers: Annotated[int, typer.Option(help="How many processes share the port.", min=1, max=64)] = 1,
) -> None:
    """Serve an API replica, which has no disk: it reads from the indexes, the rest goes to PROMPTUARY_GIT_URL.

    It needs PROMPTUARY_DATABASE_URL. Any number may run, on any machine.

    \b
    PROMPTUARY_GIT_URL=http://127.0.0.1:8001 promptuary api --port 8000 --workers 2
    """
    _run("api", settings_of(None, port=port, host=host), workers=workers)


def _run(process: str, settings: "Settings", *, workers: int = 1) -> None:
    from api.server import run_server
    from api.workers import run_workers
    from registry.domain.errors import PromptuaryError
    from registry.process_kinds import ProcessKind

    try:
        if workers > 1:
            run_workers(settings, ProcessKind(process), workers)
        else:
            run_server(settings, ProcessKind(process))
    except PromptuaryError as error:
        fail(error.message, UNUSABLE)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed, which the server tier needs: pip install 'promptuary[server]'", UNUSABLE)
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", UNUSABLE)
