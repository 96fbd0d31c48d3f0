"""Ring 4: one folder a technology; only bootstrap imports it."""
