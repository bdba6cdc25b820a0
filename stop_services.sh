#!/usr/bin/env bash
# Ends what start_services.sh has started, in order, and keeps the data.
set -euo pipefail
typed=$0
cd "$(dirname "${BASH_SOURCE[0]}")"
. services/cli/prepare.sh

usage() {
    cat <<TEXT
Usage: $typed

  Stop everything in order, with or without Docker Compose, and keep the data.

Options:
  -h, --help  Show this message and exit.
TEXT
}

for word; do
    case $word in
    -h | --help) usage && exit 0 ;;
    *) refuse_word "$word" ;;
    esac
done
if [ ! -x "${HEARTGUARD_VENV:-.venv}/bin/python" ]; then
    [ ! -e var/run/supervisor.sock ] || give_up "the virtual environment is gone: run ./start_services.sh, then this again"
    say "Nothing is running."
    exit 0
fi
use_cli
exec "${HEARTGUARD_VENV:-.venv}/bin/python" -m heartguard_cli down
