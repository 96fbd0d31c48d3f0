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
