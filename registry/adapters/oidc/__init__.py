"""Identity providers over HTTP: OpenID Connect, and GitHub's OAuth 2.0, by Authlib."""
