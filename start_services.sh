#!/usr/bin/env bash
# Starts HeartGuard: ./start_services.sh [--docker]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. services/cli/prepare.sh

prepare_venv runtime services/cli/requirements.txt services/gateway/requirements.txt \
    services/auth/requirements.txt services/organization/requirements.txt services/user/requirements.txt \
    services/media/requirements.txt services/influx/requirements.txt services/audit/requirements.txt
use_cli
exec "$VENV_PYTHON" -m heartguard_cli up "$@"
