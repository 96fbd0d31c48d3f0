"""Way in: Git's pre-receive and post-receive."""
