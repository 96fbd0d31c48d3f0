"""Redis: events between processes and a cache that they share. Losing it costs speed only."""
