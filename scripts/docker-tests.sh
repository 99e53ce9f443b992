#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Docker suite, as TAP. Uses the engine that answers; as root with dockerd installed and none
# answering, starts one of its own and stops it afterwards. Without any, the cases skip and say so.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
if DOCKER_HOST_FOUND=$(scripts/dockerd.sh start); then
    export DOCKER_HOST=${DOCKER_HOST:-$DOCKER_HOST_FOUND}
fi
bats --tap test/docker
rc=$?
scripts/dockerd.sh stop >&2
exit "$rc"
