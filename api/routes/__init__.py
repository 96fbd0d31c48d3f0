"""The documented routes, one noun a file."""
