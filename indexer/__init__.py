"""Way in: the projecting process (follow, reconcile, rebuild, verify)."""
