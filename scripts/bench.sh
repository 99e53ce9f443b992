#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Benchmarks against the named peers, interleaved in one run, medians; the table goes to stdout and to
# test/bench/RESULTS.md with the command that made it: all of it, or of the named benchmarks only their tables.
# Usage: bench.sh [NAME...] (default: all)
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/deps.sh bench
make -s
make -s helpers bench-programs
scripts/duckdb.sh build/node || true # says itself what it lacks; the tables then do without
scripts/s3rver.sh build/node-s3 || true
/usr/bin/python3 -B test/bench/bench.py --out test/bench/RESULTS.md "$@"
# Who passes what of the PID 1 conformance list: not a matter of speed, but of the same peers.
if (($# == 0)); then test/pid1/table.py test/pid1/RESULTS.md; fi
