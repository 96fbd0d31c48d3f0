"""Way in: HTTP (REST, Git over HTTP) and the command line."""
