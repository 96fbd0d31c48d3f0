"""Prompts of other tools as templates: readers of their formats, and a conversion that tells what it cannot keep."""
