#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs s3rver, an S3 server for tests that checks signatures, into DIR (default build/node-s3); only the
# s3 suite needs it. Without node, npm or a network it says so and ends with 1. Usage: s3rver.sh [DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-build/node-s3}
version=3.7.1
for tool in node npm; do
    if ! command -v "$tool" >/dev/null; then
        echo "s3rver.sh: no $tool, so no s3rver" >&2
        exit 1
    fi
done
[[ -f $dir/node_modules/s3rver/bin/s3rver.js ]] && exit 0
mkdir -p "$dir"
[[ -e $dir/package.json ]] || echo '{"private": true}' >"$dir/package.json"
if ! timeout 300 npm install --prefix "$dir" --no-audit --no-fund --loglevel=error "s3rver@$version" >/dev/null; then
    echo "s3rver.sh: npm cannot install s3rver" >&2
    exit 1
fi
