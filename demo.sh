#!/usr/bin/env bash
# Walks through the main job with a real heart-rate recording, against this directory's gateway or that of GATEWAY_HOST.
set -euo pipefail
typed=$0
cd "$(dirname "${BASH_SOURCE[0]}")"
. services/cli/prepare.sh
. services/cli/gateway_port.sh

usage() {
    cat <<TEXT
Usage: $typed

  Walk through the main job against a running HeartGuard: create an organization, send a real heart-rate recording,
  query it, upload a file, import a FIT file, raise and acknowledge an alarm, read the audit trail. What it has created
  stays, for you to look at.

Environment:
  GATEWAY_HOST  A host, host:port or URL; without it, the HeartGuard of this directory.
  GATEWAY_PORT  Completes a bare host (5000).

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
python=${HEARTGUARD_VENV:-.venv}/bin/python
if ! "$python" -c 'import requests' 2>/dev/null; then
    echo "demo.sh: HeartGuard is not installed here yet: run ./start_services.sh first." >&2
    exit 1
fi
[ -n "${GATEWAY_HOST:-}" ] || export GATEWAY_PORT="${GATEWAY_PORT:-$(gateway_port .)}"
exec "$python" examples/demo.py
