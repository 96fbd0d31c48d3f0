"""Way in: Git's pre-receive and post-receive.

The scripts that Git runs are a few lines of sh, installed by the Git adapter. For a push that the server serves,
``server_side`` answers them; without a server they start ``promptuary hook``, which is ``local``.
"""
