#!/usr/bin/env bash
# Runs every check of the project: ./run_tests.sh [arguments for pytest]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
. services/cli/prepare.sh

prepare_venv dev services/*/requirements.txt requirements-dev.txt
if [ -z "${HEARTGUARD_VENV:-}" ] && ! "$VENV_PYTHON" -m pip show -q heartpy 2>/dev/null; then
    "$VENV_PYTHON" -m pip install -q --disable-pip-version-check --no-deps -r requirements-data.txt ||
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

sources=$(for directory in services/*/src; do printf '%s:' "$PWD/$directory"; done)
PATH=$(dirname "$VENV_PYTHON"):$PATH
export PATH
check "ruff" "$VENV_PYTHON" -m ruff check .
check "mypy" "$VENV_PYTHON" -m mypy
check "imports" env PYTHONPATH="${sources%:}" lint-imports
check "contract" env PYTHONPATH="${sources%:}" "$VENV_PYTHON" schemas/build.py --check
check "pytest" "$VENV_PYTHON" -m pytest "$@"

printf '\n%s' "$summary"
exit "$status"
