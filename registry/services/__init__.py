"""Ring 3: the use cases, one noun a file."""
