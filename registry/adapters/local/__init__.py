"""What runs on this machine alone: render workers and the clock."""
