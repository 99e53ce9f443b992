#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the image debian:bookworm-slim with mmdebstrap, for machines that reach a Debian mirror but no image
# registry. Does nothing when the engine already has an image of that name.
#
#   scripts/baseimage.sh                     needs mmdebstrap, a docker engine (DOCKER_HOST), about 20 s
#   BASEIMAGE_PULL=1 scripts/baseimage.sh    tries a pull of the real one first, for at most a minute
#
# The packages come from where this machine's own apt gets them when it is Debian 12 itself, and from mmdebstrap's
# default mirror otherwise. What this machine's apt was told about proxies and dates is told to the image's apt too,
# so that apt-get works the same way inside `docker build`.
set -euo pipefail

IMAGE=debian:bookworm-slim
SUITE=bookworm
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'baseimage.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# This machine's own Debian sources, one file per line; nothing unless it runs the same suite. Other vendors'
# files in sources.list.d stay out: their keys are not in the image.
host_sources() {
    local file
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")" = "$SUITE" ] || return 0
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        if grep -qsE "^(deb|Suites:).*[[:space:]]$SUITE([[:space:]/]|\$)" "$file"; then
            printf '%s\n' "$file"
        fi
    done
}

# This machine's apt settings that decide whether a mirror can be reached and trusted, as apt.conf lines.
host_options() {
    local name='Acquire::(http|https)::(Proxy|Proxy::[^ ]+|Pipeline-Depth|No-Cache)'
    name+='|Acquire::(Check-Valid-Until|Check-Date|ForceIPv[46]|Retries)'
    apt-config dump --format '%F "%v";%n' 2>/dev/null | grep -E "^($name) \"[^\"]+\";\$" || true
}

make_image() {
    local sources=() options=() include='' line id
    mapfile -t sources < <(host_sources)
    mapfile -t options < <(host_options)
    set --
    for line in "${options[@]}"; do set -- "$@" "--aptopt=$line"; done
    [ ! -r "$KEYRING" ] || set -- "$@" "--keyring=$KEYRING"
    if [ ${#sources[@]} -gt 0 ] && grep -qE '^(deb|URIs:).*https://' "${sources[@]}"; then
        # An https mirror needs this machine's roots, which may hold a company's own.
        include=ca-certificates
        set -- "$@" '--customize-hook=upload /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt'
    fi
    # The excluded paths are what "slim" leaves out; copyright files stay.
    mmdebstrap --quiet --variant=minbase --architectures=amd64 ${include:+"--include=$include"} \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
        --aptopt='Acquire::Languages "none"' --aptopt='Acquire::GzipIndexes "true"' \
        "$@" "$SUITE" "$work/root.tar" "${sources[@]}" || die "mmdebstrap failed"
    id=$(docker import --change 'CMD ["bash"]' --change 'LABEL procagent.baseimage=mmdebstrap' \
        "$work/root.tar" "$IMAGE")
    say "made $IMAGE ($(docker image inspect --format '{{.Size}}' "$id") bytes)"
}

command -v docker >/dev/null || die "the docker command is not installed (Debian, Ubuntu: docker.io)"
timeout 10 docker version >/dev/null 2>&1 || die "no docker engine answers (scripts/dockerd.sh start)"
if docker image inspect "$IMAGE" >/dev/null 2>&1; then
    say "$IMAGE is there"
    exit 0
fi
if [ "${BASEIMAGE_PULL:-0}" = 1 ] && timeout 60 docker pull --quiet "$IMAGE" >&2; then
    say "pulled $IMAGE"
    exit 0
fi
command -v mmdebstrap >/dev/null ||
    die "$IMAGE is not there, and to make it takes mmdebstrap (Ubuntu: and debian-archive-keyring)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_image
