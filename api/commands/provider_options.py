"""What can be said of an identity provider on the command line."""

from typing import Annotated

import typer

Kind = Annotated[
    str | None, typer.Option(help="gitlab, github, google, keycloak or oidc. [default: oidc]", show_default=False)
]
Issuer = Annotated[
    str | None,
    typer.Option(help="Where it is. [default: gitlab.com, github.com or Google, by its kind]", show_default=False),
]
ClientId = Annotated[str | None, typer.Option(help="What it calls this server.", show_default=False)]
SecretFile = Annotated[
    str | None,
    typer.Option(help="The file with the client's secret, - for standard input.", metavar="FILE", show_default=False),
]
Public = Annotated[bool, typer.Option("--public", help="A client without a secret.")]
ShownName = Annotated[str | None, typer.Option(help="Its name for people.", show_default=False)]
Scopes = Annotated[list[str] | None, typer.Option(help="What is asked for; may be repeated.", show_default=False)]
GroupsClaim = Annotated[
    str | None, typer.Option(help="The dotted path to somebody's groups: realm_access.roles", show_default=False)
]
Groups = Annotated[
    list[str] | None,
    typer.Option(help="A group there and the one here; may be repeated.", metavar="THEIRS=OURS", show_default=False),
]
SameGroups = Annotated[
    bool | None,
    typer.Option("--same-groups/--no-same-groups", help="Groups of one name are one.", show_default=False),
]
RequiredGroups = Annotated[
    list[str] | None,
    typer.Option(help="Who is in none of them does not come in; may be repeated.", show_default=False),
]
Domains = Annotated[
    list[str] | None,
    typer.Option(
        help="Whose verified e-mail address is in none of them does not come in; may be repeated.", show_default=False
    ),
]
SignUp = Annotated[
    bool | None, typer.Option("--sign-up/--no-sign-up", help="Who has no user here gets one.", show_default=False)
]
LinkByEmail = Annotated[
    bool | None,
    typer.Option(
        "--link-by-email/--no-link-by-email",
        help="Who comes in first is the user with the address that it has verified; who is new gets it.",
        show_default=False,
    ),
]
AllowPrivate = Annotated[
    bool | None,
    typer.Option(
        "--allow-private/--no-allow-private", help="It may be at an address of a private network.", show_default=False
    ),
]
Disable = Annotated[
    bool | None, typer.Option("--disable/--enable", help="Nobody can sign in with it.", show_default=False)
]
