#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs DuckDB for node into DIR (default build/node), for the benchmarks and test/split/duck.mjs; nothing
# else needs it. Without npm or a network it says so and ends with 1. Usage: duckdb.sh [DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-build/node}
version=1.5.6-r.1
[[ -d $dir/node_modules/@duckdb/node-api ]] && exit 0
if ! command -v npm >/dev/null; then
    echo "duckdb.sh: no npm, so no DuckDB" >&2
    exit 1
fi
mkdir -p "$dir"
[[ -e $dir/package.json ]] || echo '{"private": true}' >"$dir/package.json"
if ! timeout 300 npm install --prefix "$dir" --no-audit --no-fund --loglevel=error "@duckdb/node-api@$version" \
    >/dev/null; then
    echo "duckdb.sh: npm cannot install DuckDB" >&2
    exit 1
fi
