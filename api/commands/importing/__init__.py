"""Reading prompts of other tools, and writing them to a server."""
