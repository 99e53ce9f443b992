#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, runs every test. The last line counts them.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/deps.sh test
exec make --no-print-directory check
