#!/usr/bin/env bash
# Builds InfluxDB 1.13.2 (MIT) from Go modules, pinned in go.mod and go.sum: tests/influxdb1/build.sh DIRECTORY
# Needs Go, a C compiler and cargo; some five minutes on two cores. HEARTGUARD_TEST_INFLUXD=DIRECTORY/influxd then has
# tests/store/influx run before it too.
set -euo pipefail
target=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
GOBIN=$target go install github.com/influxdata/pkg-config@v0.3.0
# Flux pins a Rust of its own, which no registry has.
PKG_CONFIG=$target/pkg-config RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-stable} \
    go build -mod=mod -o "$target/influxd" github.com/influxdata/influxdb/cmd/influxd
echo "HEARTGUARD_TEST_INFLUXD=$target/influxd .venv/bin/python -m pytest tests/store/influx"
