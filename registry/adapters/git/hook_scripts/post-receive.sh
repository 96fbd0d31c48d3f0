#!/bin/sh
# Promptuary's report after a push to the folder. The server writes this file anew at each start, so changes made here
# are lost. For a push that the server serves it is not run: the server knows itself, and tells, what is live.
#
# The refs have moved already: whatever happens here, the push stays.
set -u
@WITHOUT_SERVER@
( without_server post-receive )
exit 0
