newline='
'

# limited SECONDS COMMAND...: runs a command for at most so long; Perl stands in where there is no timeout(1).
limited() {
    if command -v timeout >/dev/null 2>&1; then
        timeout "$@"
    else
        perl -e 'alarm shift; exec @ARGV or exit 127' "$@"
    fi
}

# Judges or reports with no server: the command stands in the repository's configuration.
without_server() {
    if ! program=$(git config --get promptuary.command) || [ ! -x "$program" ]; then
        echo "promptuary: the program '${program:-}' that checks pushes is not there." >&2
        echo "promptuary: push through the server, or start it once so that it writes its new place down." >&2
        exit 1
    fi
    here=$(pwd -P)
    PROMPTUARY_DATA=${here%/repositories/*}
    export PROMPTUARY_DATA
    exec "$program" hook "$1"
}

# What Git told this hook, each ended by NUL; Git's own lines follow as they come.
told() {
    printf 'promptuary-gate/1 %s\0' "$1"
    printf 'quarantine=%s\0' "${GIT_QUARANTINE_PATH:-}"
    number=0
    while [ "$number" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
        eval "option=\$GIT_PUSH_OPTION_$number"
        printf 'option=%s\0' "$option"
        number=$((number + 1))
    done
    printf 'updates\0%s' "$2"
    if [ "$3" = more ]; then cat; fi
    printf '\0'
}

# Hands the question over. A small one fits into the pipe, so it is written without starting a program: opened for
# reading and writing, a pipe takes it even from a server that has just died (then no answer comes, which refuses).
hand_over() {
    updates=
    while [ "${#updates}" -lt 12000 ] && IFS= read -r line; do
        updates=$updates$line$newline
    done
    if [ "${#updates}" -lt 12000 ] && [ "${GIT_PUSH_OPTION_COUNT:-0}" = 0 ]; then
        told "$1" "$updates" "" 1<>"$PROMPTUARY_GATE/request"
    else
        told "$1" "$updates" more | limited @LINE_SECONDS@ dd of="$PROMPTUARY_GATE/request" bs=65536 2>/dev/null
    fi
}

# Asks the server; true only if its last line is "ok".
# At most @LINE_SECONDS@ s pass between two answers, @TOTAL_SECONDS@ s in all.
ask() {
    if [ ! -p "$PROMPTUARY_GATE/request" ] || [ ! -p "$PROMPTUARY_GATE/answer" ]; then
        echo "promptuary: the server that served this push is gone" >&2
        return 1
    fi
    if ! hand_over "$1"; then
        echo "promptuary: the server takes no questions (waited @LINE_SECONDS@ s)" >&2
        return 1
    fi
    end=
    at_line_start=yes
    while :; do
        # One read takes all that is there; the server writes whole lines only. The x keeps the last newline.
        answer=$(limited @LINE_SECONDS@ dd if="$PROMPTUARY_GATE/answer" bs=1048576 count=1 2>/dev/null; printf x)
        answer=${answer%x}
        if [ -z "$answer" ]; then
            echo "promptuary: no answer from the server within @LINE_SECONDS@ s" >&2
            return 1
        fi
        if [ "$at_line_start" = yes ]; then
            case "$answer" in
                "ok$newline" | *"${newline}ok$newline")
                    printf '%s' "${answer%"ok$newline"}" >&2
                    return 0
                    ;;
                "refused$newline" | *"${newline}refused$newline")
                    printf '%s' "${answer%"refused$newline"}" >&2
                    return 1
                    ;;
            esac
        fi
        printf '%s' "$answer" >&2
        case "$answer" in
            *"$newline") at_line_start=yes ;;
            *) at_line_start=no ;;
        esac
        now=$(date +%s)
        end=${end:-$((now + @TOTAL_SECONDS@))}
        if [ "$now" -ge "$end" ]; then
            echo "promptuary: the server took more than @TOTAL_SECONDS@ s" >&2
            return 1
        fi
    done
}
