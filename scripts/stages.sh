# Stages: what scripts/test and scripts/lint have in common. Sourced from the top folder of the repository.

readonly LOGS=target/test-logs

export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
# A tree that was never worked on is built once: what would speed up the next build, or tell a debugger of lines, only costs
# time. A test that fails tells its line by itself. Cargo makes the folder for such parts always, and fills it only then.
[ -n "$(ls -A target/debug/incremental 2>/dev/null)" ] || export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
mkdir -p "$LOGS"

failed_stages=()
started=$SECONDS

# The reports of failed tests, wherever they stand in the log; of anything else the end.
show_mistakes() {
    if grep -q '^failures:$' "$1"; then
        awk '/^failures:$/ { shown = 1 } shown && lines++ < 200; /^test result:/ { shown = 0 }' "$1"
    else
        tail -n 80 "$1"
    fi
}

# stage NAME COMMAND...: runs the command with its output in a log, prints the time, shows the log if it failed.
stage() {
    local name=$1 log code begin=$SECONDS
    shift
    log="$LOGS/${name// /-}.log"
    printf '== %s\n' "$name"
    # In a subshell of its own and not inside `if`, where bash would go on after a failed command.
    set +e
    (set -e; "$@") >"$log" 2>&1
    code=$?
    set -e
    if [ "$code" -eq 0 ]; then
        printf '   ok, %d s\n' $((SECONDS - begin))
    else
        printf '   FAILED after %d s, from %s:\n' $((SECONDS - begin)) "$log"
        show_mistakes "$log" | sed 's/^/   | /'
        failed_stages+=("$name")
    fi
}

have() { command -v "$1" >/dev/null 2>&1; }

# apt PACKAGE...: Debian and its relatives; anywhere else says what is missing and fails.
apt() {
    local root=()
    if [ "$(id -u)" -ne 0 ]; then root=(sudo -n); fi
    if ! have apt-get || { [ ${#root[@]} -gt 0 ] && ! have sudo; }; then
        echo "missing here and not installable without apt-get and root: $*" >&2
        return 1
    fi
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

install_compiler() {
    # nm, which comes with gcc, reads what a library exports.
    have cc && have nm || apt gcc libc6-dev
    cargo fmt --version && cargo clippy --version ||
        { echo "a Rust toolchain with rustfmt and clippy is needed" >&2; return 1; }
}

# Says how long all took and what failed.
end_of_stages() {
    printf 'total %d s\n' $((SECONDS - started))
    [ ${#failed_stages[@]} -eq 0 ] || printf 'stage failed: %s\n' "${failed_stages[@]}"
}
