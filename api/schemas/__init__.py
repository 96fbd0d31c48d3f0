"""What travels over HTTP, as pydantic models with examples; one noun a file."""
