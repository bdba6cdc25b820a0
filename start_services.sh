#!/usr/bin/env bash
# Starts HeartGuard: ./start_services.sh [--docker] [--save]
set -euo pipefail
typed=$0
cd "$(dirname "${BASH_SOURCE[0]}")"
. services/cli/prepare.sh

usage() {
    cat <<TEXT
Usage: $typed [--docker] [--save]

  Install the pinned packages where they are missing, start everything, and wait until it is ready.
  The first start writes .env with generated secrets and the settings of the environment, such as GATEWAY_PORT=8000.

Options:
  --docker    With Docker Compose.
  --save      Write settings of the environment that differ from .env into it.
  -h, --help  Show this message and exit.
TEXT
}

for word; do
    case $word in
    --docker | --save) ;;
    -h | --help) usage && exit 0 ;;
    *) refuse_word "$word" ;;
    esac
done
prepare_runtime
exec "$VENV_PYTHON" -m heartguard_cli up "$@"
