#!/bin/sh
# Promptuary's gate. The server writes this file anew at each start, so changes made here are lost.
#
# A push that the server serves names a private folder in PROMPTUARY_GATE. This script hands over what Git told it,
# prints what comes back, and lets the push in only on a line "ok". Everything else refuses: no answer, a server that
# died, an error. A push without the server is judged by the promptuary command itself.
#
# It starts no program while it asks: each would cost every push a millisecond or two.
set -u
@WITHOUT_SERVER@
newline='
'

# Opens both pipes without waiting: opened for reading and writing (5) a pipe always opens, and then its one side does,
# too. With 5 closed again, a server that is dead or dies is the end of what is read and an error of what is written.
open_pipes() {
    [ -p "$PROMPTUARY_GATE/request" ] && [ -p "$PROMPTUARY_GATE/answer" ] || return 1
    exec 5<>"$PROMPTUARY_GATE/request" 4>"$PROMPTUARY_GATE/request"
    exec 5<>"$PROMPTUARY_GATE/answer" 3<"$PROMPTUARY_GATE/answer" 5>&-
}

# What Git told this hook, each ended by NUL; Git's own lines follow as they come.
hand_over() {
    printf 'promptuary-gate/1 pre-receive\0quarantine=%s\0' "${GIT_QUARANTINE_PATH:-}" || return 1
    number=0
    while [ "$number" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
        eval "option=\$GIT_PUSH_OPTION_$number"
        printf 'option=%s\0' "$option" || return 1
        number=$((number + 1))
    done
    updates=
    while [ "${#updates}" -lt 12000 ] && IFS= read -r line; do
        updates=$updates$line$newline
    done
    printf 'updates\0%s' "$updates" || return 1
    if [ "${#updates}" -ge 12000 ]; then cat || return 1; fi
    printf '\0'
}

# Prints what the server says; true only if it says "ok".
answer() {
    while IFS= read -r line; do
        case $line in
            ok) return 0 ;;
            refused) return 1 ;;
        esac
        printf '%s\n' "$line" >&2
    done
    echo "${line}promptuary: no answer from the server: it has ended" >&2
    return 1
}

if [ -z "${PROMPTUARY_GATE:-}" ]; then
    without_server pre-receive
fi
trap '' PIPE
if ! open_pipes 2>/dev/null; then
    echo "promptuary: the server that served this push is gone" >&2
elif ! hand_over >&4 2>/dev/null; then
    echo "promptuary: the server takes no questions: it has ended" >&2
elif answer <&3; then
    exit 0
fi
echo "promptuary: the push was refused, nothing was changed" >&2
exit 1
