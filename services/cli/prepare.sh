# Sourced by the scripts at the root: finds Python and keeps .venv in step with the requirement files.
# Works in bash 3.2, which is what macOS has.

say() { printf '%s\n' "$*"; }

give_up() {
    printf 'heartguard: %s\n' "$*" >&2
    exit 1
}

# refuse_word WORD: ends a script that knows no such word; it has to define typed and usage.
refuse_word() {
    printf 'heartguard: %s takes no %s\n' "$typed" "$1" >&2
    usage >&2
    exit 2
}

# The first Python of at least 3.11; HEARTGUARD_PYTHON names another one.
find_python() {
    for candidate in ${HEARTGUARD_PYTHON:+"$HEARTGUARD_PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
        [ "$candidate" != "${HEARTGUARD_PYTHON:-}" ] || return 1
    done
    return 1
}

# prepare_venv KIND FILE...: afterwards VENV_PYTHON runs, and has what the requirement files ask for.
prepare_venv() {
    local kind=$1 venv=${HEARTGUARD_VENV:-.venv} python stamp
    shift
    case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
    VENV_PYTHON=$venv/bin/python
    if [ -n "${HEARTGUARD_VENV:-}" ]; then
        "$VENV_PYTHON" -c '' 2>/dev/null || give_up "HEARTGUARD_VENV=$HEARTGUARD_VENV holds no Python that runs"
        return 0
    fi
    if ! "$VENV_PYTHON" -c '' 2>/dev/null; then
        python=$(find_python) || give_up "Python 3.11 or later is needed and was not found: install it, or name it in HEARTGUARD_PYTHON"
        say "  virtual environment with $("$python" --version 2>&1)"
        rm -rf "$venv"
        "$python" -m venv "$venv" >.venv.log 2>&1 || venv_failed "$venv"
        rm -f .venv.log
    fi
    stamp=$("$VENV_PYTHON" -c '
import hashlib, sys
digest = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    digest.update(open(name, "rb").read())
print(digest.hexdigest())' constraints.txt "$@")
    if [ "$(cat "$venv/$kind.stamp" 2>/dev/null)" != "$stamp" ]; then
        rm -f "$venv/$kind.stamp"
        install_into "$venv" "$@"
        printf '%s\n' "$stamp" >"$venv/$kind.stamp"
    fi
}

# is_set VARIABLE: whether the environment or .env gives it a value.
is_set() { [ -n "${!1:-}" ] || grep -q "^$1=." .env 2>/dev/null; }

# What the services and the command need to run, with the settings that there are.
prepare_runtime() {
    local more=
    is_set OTEL_EXPORTER_OTLP_ENDPOINT && more="$more requirements-tracing.txt"
    is_set INFLUX_URL && more="$more requirements-influxdb.txt"
    if is_set GOOGLE_APPLICATION_CREDENTIALS || is_set STORAGE_EMULATOR_HOST; then more="$more requirements-gcs.txt"; fi
    prepare_venv runtime services/*/requirements.txt $more
    use_cli
}

venv_failed() {
    local reason
    reason=$(tail -n 1 .venv.log)
    grep -q -i 'no space left' .venv.log && reason="The disk is full"
    grep -q 'ensurepip' .venv.log && reason="its module venv is incomplete (on Debian and Ubuntu: apt install python3-venv)"
    rm -rf "$1" .venv.log
    give_up "Python can't make a virtual environment: $reason"
}

# Progress is printed, so that the installation does not seem to hang.
install_into() {
    local venv=$1 file log=$1/install.log
    local options
    options=()
    shift
    say "  installing pinned packages (only when the requirement files have changed)"
    for file in "$@"; do options+=(-r "$file"); done
    if ! "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes "${options[@]}" 2>&1 |
        tee "$log" | progress; then
        grep -q -i 'no space left' "$log" && give_up "The disk is full: free some space and start again"
        give_up "pip can't install the packages: $(grep -i '^error' "$log" | tail -n 1) (all of it is in $log)"
    fi
}

progress() {
    if [ -t 1 ]; then
        awk '/^Collecting / { n++; printf "\r  %3d  %-40.40s", n, $2; fflush() } END { if (n) printf "\n" }'
    else
        awk '/^Collecting / { n++; if (n % 20 == 0) { printf "  %d packages\n", n; fflush() } }'
    fi
}

use_cli() {
    PYTHONPATH=$PWD/services/cli/src:$PWD/services/common/src # as registry.python_path("cli")
    export PYTHONPATH
}
