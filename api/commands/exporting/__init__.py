"""Writing templates as files and prompts of other tools."""
