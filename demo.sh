#!/usr/bin/env bash
# Walks through the main job with a real heart-rate recording, against the gateway at GATEWAY_HOST (localhost).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

python=${HEARTGUARD_VENV:-.venv}/bin/python
if ! "$python" -c 'import requests' 2>/dev/null; then
    echo "demo.sh: HeartGuard is not installed here yet: run ./start_services.sh first." >&2
    exit 1
fi
exec "$python" examples/demo.py "$@"
