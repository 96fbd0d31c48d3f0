"""Places for backups."""
