#!/bin/sh
# Promptuary's report after a push. The server writes this file anew at each start, so changes made here are lost.
#
# The refs have moved already: whatever happens here, the push stays. It pokes the indexer and prints what is live.
set -u
@COMMON@
if [ -z "${PROMPTUARY_GATE:-}" ]; then
    ( without_server post-receive )
    exit 0
fi
ask post-receive || echo "promptuary: the push is in; it will be live when the server has caught up" >&2
exit 0
