#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the path of a moto_server that works: PATH's, else one installed into DIR (default build/moto). Without
# Python's venv or a network it says so and ends with 1. Only the s3 suite needs it. Usage: moto.sh [DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(realpath -m "${1:-build/moto}")
version=5.2.1
works() { "$1" --help >/dev/null 2>&1; } # a pyenv shim is there also when its Python has no moto

if command -v moto_server >/dev/null && works moto_server; then
    command -v moto_server
    exit 0
fi
if ! works "$dir/bin/moto_server"; then
    mkdir -p "${dir%/*}"
    if ! python3 -m venv "$dir" >/dev/null; then
        echo "moto.sh: no moto_server in PATH, and python3 cannot make a venv" >&2
        exit 1
    fi
    if ! timeout 300 "$dir/bin/pip" install --quiet --disable-pip-version-check "moto[server]==$version" >/dev/null ||
        ! works "$dir/bin/moto_server"; then
        echo "moto.sh: no moto_server in PATH, and pip cannot install moto" >&2
        exit 1
    fi
fi
echo "$dir/bin/moto_server"
