#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds a minimal static libcurl (HTTP and HTTPS, OpenSSL, c-ares, nothing else) from the distribution's own
# source package into DIR, since the distribution's libcurl.a needs archives that do not exist. apt gets
# settings of its own for it, so the machine's lists and sources stay as they are. Usage: curl.sh [DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-build/curl}"
dir=$(cd "${1:-build/curl}" && pwd)
patch=$PWD/scripts/curl.patch
lib=$dir/lib/libcurl.a
[[ $lib -nt scripts/curl.sh && $lib -nt $patch ]] && exit 0

work=$(mktemp -d "${TMPDIR:-/tmp}/procagent-curl.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/sources.list.d"
: >"$work/sources.list"

# The machine's own entries of the distribution, as source entries.
shopt -s nullglob
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -e $f ]] || continue
    sed -nE '/^deb(-src)? .*(debian|ubuntu)[^ ]* .*main/s/^deb(-src)? /deb-src /p' "$f"
done | sort -u >"$work/sources.list"
for f in /etc/apt/sources.list.d/*.sources; do
    grep -qE '^URIs:.*(debian|ubuntu)' "$f" || continue
    sed -E 's/^Types:.*/Types: deb-src/' "$f" >"$work/sources.list.d/${f##*/}"
done
options=(-qq -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/sources.list.d"
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)

echo "building libcurl (about a minute)" >&2
(
    cd "$work"
    apt-get "${options[@]}" update
    apt-get "${options[@]}" --only-source source curl >/dev/null
    cd curl-*/
    grep -q compare_header_names lib/http_aws_sigv4.c || patch -p1 <"$patch"
    # dpkg-source has applied the distribution's patches, which touch configure.ac too: nothing to make anew.
    find . \( -name '*.in' -o -name configure -o -name aclocal.m4 \) -exec touch {} +
    # A write callback gets up to 256 KiB at a time, so that large objects cost few system calls.
    ./configure --prefix="$dir" --disable-dependency-tracking --disable-shared --enable-static \
        --with-openssl --enable-ares --without-zlib --without-brotli --without-zstd --without-nghttp2 \
        --without-libidn2 --without-libpsl --without-librtmp --without-libssh2 --without-gssapi \
        --without-ca-bundle --without-ca-path --disable-ldap --disable-ftp --disable-file --disable-dict \
        --disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb --disable-smtp \
        --disable-gopher --disable-mqtt --disable-rtsp --disable-manual --disable-alt-svc --disable-hsts \
        --disable-netrc --disable-ntlm --disable-tls-srp --disable-unix-sockets --disable-doh \
        --disable-cookies --disable-libcurl-option --disable-websockets --enable-symbol-hiding \
        CPPFLAGS=-DCURL_MAX_WRITE_SIZE=262144 \
        CFLAGS='-O2 -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong'
    make -j"$(nproc)" -C lib
    make -C lib install
    make -C include install
) >"$work/log" 2>&1 || {
    tail -n 40 "$work/log" >&2
    echo "curl.sh: libcurl could not be built" >&2
    exit 1
}
