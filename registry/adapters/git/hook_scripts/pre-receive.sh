#!/bin/sh
# Promptuary's gate. The server writes this file anew at each start, so changes made here are lost.
#
# A push that the server serves names a private folder in PROMPTUARY_GATE. This script hands over what Git told it,
# prints what comes back, and lets the push in only if the last line is "ok". Everything else refuses: no answer,
# a server that died, an error. A push without the server is judged by the promptuary command itself.
set -u
@COMMON@
if [ -z "${PROMPTUARY_GATE:-}" ]; then
    without_server pre-receive
fi
ask pre-receive && exit 0
echo "promptuary: the push was refused, nothing was changed" >&2
exit 1
