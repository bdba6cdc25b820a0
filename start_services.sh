#!/usr/bin/env bash
# Starts HeartGuard: ./start_services.sh [--docker]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. services/cli/prepare.sh

prepare_runtime
exec "$VENV_PYTHON" -m heartguard_cli up "$@"
