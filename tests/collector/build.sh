#!/usr/bin/env bash
# Builds an OpenTelemetry collector 0.165.0 (Apache-2.0) from Go modules: tests/collector/build.sh DIRECTORY
# Needs Go; a minute on two cores. HEARTGUARD_TEST_OTELCOL=DIRECTORY/otelcol then has tests/service/gateway/test_traces.py
# send traces to it too.
set -euo pipefail
target=$(mkdir -p "$1" && cd "$1" && pwd)
manifest=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/manifest.yaml
GOBIN=$target go install go.opentelemetry.io/collector/cmd/builder@v0.165.0
cd "$target"
./builder --config "$manifest"
echo "HEARTGUARD_TEST_OTELCOL=$target/otelcol .venv/bin/python -m pytest tests/service/gateway/test_traces.py"
