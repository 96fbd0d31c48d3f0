"""The commands, one noun a file. Only typer is imported at the top, so that ``promptuary --help`` starts quickly."""
