"""``promptuary serve``: the server, from settings to a clean end."""

from typing import Annotated

import typer

from api.commands.output import UNUSABLE, Data, fail, settings_of


def serve(
    port: Annotated[
        int | None, typer.Option(help="The port. [default: PROMPTUARY_PORT, else 8000]", show_default=False)
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="The address. [default: PROMPTUARY_HOST, else 127.0.0.1]", show_default=False)
    ] = None,
    data: Data = None,
    sample: Annotated[
        bool | None, typer.Option("--sample/--no-sample", help="Set up the sample repository in an empty data folder.")
    ] = None,
) -> None:
    """Serve the registry until Ctrl-C: REST, Git over HTTP and the indexer in one process.

    An empty data folder gets a first administrator's key (DATA/admin-key) and a sample repository named default.

    \b
    promptuary serve
    promptuary serve --port 8123 --data /var/lib/promptuary
    """
    settings = settings_of(data, port=port, host=host, sample=sample)
    from api.server import run_server
    from registry.domain.errors import PromptuaryError

    try:
        run_server(settings)
    except PromptuaryError as error:
        fail(error.message, UNUSABLE)
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", UNUSABLE)
