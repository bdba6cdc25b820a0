#!/usr/bin/env bash
# Runs every check of the project: ./run_tests.sh [arguments for pytest]
set -uo pipefail
typed=$0
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
. services/cli/prepare.sh

usage() {
    cat <<TEXT
Usage: $typed [ARGUMENTS FOR PYTEST ...]

  Install what the tests need, then run every check of the project and the tests: $typed tests/unit -k policy

Options:
  -h, --help  Show this message and exit; python -m pytest --help lists the arguments.
TEXT
}

for word; do
    case $word in -h | --help) usage && exit 0 ;; esac
done

prepare_venv dev services/*/requirements.txt importers/requirements.txt requirements-{gcs,influxdb,parquet,tracing,dev}.txt
if [ -z "${HEARTGUARD_VENV:-}" ] && ! "$VENV_PYTHON" -m pip show -q heartpy 2>/dev/null; then
    "$VENV_PYTHON" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-data.txt ||
        give_up "pip can't install the packages of requirements-data.txt"
fi

summary=""
status=0
check() {
    local name=$1 began=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@"; then
        summary="$summary  passed  $name ($((SECONDS - began)) s)"$'\n'
    else
        summary="$summary  FAILED  $name ($((SECONDS - began)) s)"$'\n'
        status=1
    fi
}

# One process more than there are cores, because tests wait too; each has servers of its own, hence four at most.
processes=$(($(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1))
[ "$processes" -le 4 ] || processes=4
ran=no
tests() { # MARKER ARGUMENTS...: pytest's 5, no test found, is for the other half to answer for
    local ended
    "$VENV_PYTHON" -m pytest -m "$@"
    ended=$?
    [ "$ended" -ne 5 ] || return 0
    ran=yes
    return "$ended"
}

sources=$("$VENV_PYTHON" sources.py)
PATH=$(dirname "$VENV_PYTHON"):$PATH
export PATH
check "ruff" "$VENV_PYTHON" -m ruff check .
check "mypy" "$VENV_PYTHON" -m mypy
check "imports" env PYTHONPATH="$sources" lint-imports
check "contract" "$VENV_PYTHON" schemas/build.py --check
check "documents" "$VENV_PYTHON" docs/build.py --check
check "pytest" tests "not alone" -n "$processes" --dist loadfile --no-loadscope-reorder "$@"
[ $# -gt 0 ] || set -- tests/chaos # where all of these are
check "pytest, one at a time" tests alone "$@"
[ "$ran" = yes ] || check "a test" false

printf '\n%s' "$summary"
exit "$status"
