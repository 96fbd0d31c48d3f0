"""Ring 4: one folder a technology; only bootstrap, tiers and processes import it."""
