"""Templates as prompts of other tools: writers of their formats, and notes of what a format cannot say."""
