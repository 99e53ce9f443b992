#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian/Ubuntu packages that are missing. Usage: deps.sh [build|demo|test|bench]
#   build  what `make` needs          demo  + what the two reference jobs need
#   test   + what `make check` needs  bench + the peers that `make bench` compares with
set -euo pipefail

build=(gcc make pkg-config libc6-dev binutils libarchive-dev zlib1g-dev libinih-dev libjansson-dev
    libdeflate-dev libzstd-dev liblzma-dev libbz2-dev nettle-dev libssl-dev libc-ares-dev libexpat1-dev ca-certificates
    dpkg-dev patch tzdata)
demo=(python3 python3-pandas jupyter-nbconvert python3-nbclient python3-nbformat python3-ipykernel
    python3-matplotlib bubblewrap)
test=(git file libcmocka-dev libcsv-dev bats clang clang-tidy clang-format cppcheck shellcheck strace procps util-linux
    python3-nbformat libarchive-tools docker.io mmdebstrap iproute2 nginx-light openssl curl)
bench=(tini dumb-init catatonit pigz valgrind miller rclone)

case ${1:-build} in
build) want=("${build[@]}") ;;
demo) want=("${build[@]}" "${demo[@]}") ;;
test) want=("${build[@]}" "${demo[@]}" "${test[@]}") ;;
bench) want=("${build[@]}" "${demo[@]}" "${test[@]}" "${bench[@]}") ;;
*)
    echo "usage: deps.sh [build|demo|test|bench]" >&2
    exit 2
    ;;
esac

# clang's sanitizer runtime is a package of its own, named after clang's version.
if [[ ${1:-build} == test || ${1:-build} == bench ]]; then
    version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
    [[ -n $version ]] && want+=("libclang-rt-$version-dev")
fi

# DuckDB comes by npm; a node from elsewhere will do, and does not go together with Debian's npm.
if [[ ${1:-build} == bench ]] && ! command -v npm >/dev/null; then
    want+=(nodejs npm)
fi
# An AWS CLI from elsewhere is as good a peer.
if [[ ${1:-build} == bench ]] && ! command -v aws >/dev/null; then
    want+=(awscli)
fi

missing=()
for p in "${want[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null || true)
    [[ $state == ii* ]] || missing+=("$p")
done
# From Ubuntu 24.04 and Debian 13 on, the older zone names (US/Pacific) are in tzdata-legacy.
if apt-cache show tzdata-legacy >/dev/null 2>&1; then
    dpkg-query -W tzdata-legacy >/dev/null 2>&1 || missing+=(tzdata-legacy)
fi
libcurl() { "$(dirname "$0")/curl.sh"; } # static and minimal, from the distribution's source
if ((${#missing[@]} == 0)); then
    libcurl
    exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "deps.sh: not root and no sudo; install these yourself: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
libcurl
