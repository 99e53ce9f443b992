#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Benchmarks against the named peers, interleaved in one run, medians; the table goes to stdout and to
# test/bench/RESULTS.md with the command that made it. Usage: bench.sh [NAME...] (default: all)
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/deps.sh bench
make -s
exec /usr/bin/python3 test/bench/bench.py --out test/bench/RESULTS.md "$@"
