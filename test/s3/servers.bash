# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Servers for tests of the S3 store, all on loopback: moto, s3rver, a proxy that fails on demand and checks
# signatures (proxy.py), container credentials (creds.py), TLS in front of any of them (nginx).
#
# A bats file starts what it needs in setup_file, and calls stop_servers in teardown_file; a test may start more.
# Ports are free ones, logs and pids are in SERVERS. One server per name: starting it again ends the one before.
# Neither moto nor s3rver looks at a version 4 signature (s3rver only wants a key id that it knows): where
# signatures matter a proxy with --verify goes in front.

S3_TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SERVERS=${BATS_FILE_TMPDIR:?only bats sources this}/servers
SYSTEM_PYTHON=/usr/bin/python3 # the standard library is enough, and a version manager's shim is slow

# launch NAME COMMAND...: in the background; its output goes to SERVERS/NAME.log.
launch() {
    local name=$1
    shift
    stop_server "$name"
    mkdir -p "$SERVERS"
    : >"$SERVERS/$name.log" # now: who waits must not read the one before's
    "$@" >>"$SERVERS/$name.log" 2>&1 </dev/null 3>&- &
    echo $! >"$SERVERS/$name.pid"
    disown
}

# running PID: and not a zombie that nobody has waited for.
running() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    [[ ${stat##*)} != " Z"* ]]
}

# url_of NAME: waits until the server has printed where it listens; prints that URL.
url_of() {
    local name=$1 i line
    for ((i = 0; i < 600; i++)); do
        line=$(grep -aoEm 1 '127\.0\.0\.1:[1-9][0-9]*' "$SERVERS/$name.log" | head -n 1)
        if [ -n "$line" ]; then
            echo "http://$line"
            return 0
        fi
        running "$(cat "$SERVERS/$name.pid")" || break
        sleep 0.05
    done
    echo "$name does not start:" >&2
    tail -n 20 "$SERVERS/$name.log" >&2
    return 1
}

# answers URL [CURL OPTION...]: waits until it answers anything at all.
answers() {
    local i
    for ((i = 0; i < 200; i++)); do
        curl -s --noproxy '*' -o "$SERVERS/answer" "${@:2}" "$1" && return 0
        sleep 0.05
    done
    echo "no answer from $1" >&2
    return 1
}

# stop_server NAME, and stop_servers: all that were started in this file.
stop_server() {
    local pid i
    [ -f "$SERVERS/$1.pid" ] || return 0
    pid=$(cat "$SERVERS/$1.pid")
    rm -f "$SERVERS/$1.pid"
    kill "$pid" 2>/dev/null || return 0
    for ((i = 0; i < 100; i++)); do
        running "$pid" || return 0
        sleep 0.02
    done
    kill -KILL "$pid" 2>/dev/null || true
}

stop_servers() {
    local file
    for file in "$SERVERS"/*.pid; do
        [ -f "$file" ] || continue
        file=${file##*/}
        stop_server "${file%.pid}"
    done
}

# start_moto: sets MOTO_URL. Any key pair will do; test and test is ours.
start_moto() {
    local command
    command=$("$S3_TESTS/../../scripts/moto.sh") || return 1
    launch moto env S3_IGNORE_SUBDOMAIN_BUCKETNAME=true "$command" -H 127.0.0.1 -p 0
    MOTO_URL=$(url_of moto) && answers "$MOTO_URL/moto-api/" || return 1
    export MOTO_URL
}

# reset_moto: forgets buckets, objects and unfinished uploads.
reset_moto() {
    curl -sf --noproxy '*' -o "$SERVERS/answer" -X POST "$MOTO_URL/moto-api/reset"
}

# start_s3rver: sets S3RVER_URL. Its key pair is S3RVER and S3RVER. Its continuation tokens want DES, which
# node's OpenSSL has among the old things only.
start_s3rver() {
    "$S3_TESTS/../../scripts/s3rver.sh" || return 1
    launch s3rver node --openssl-legacy-provider \
        "$S3_TESTS/../../build/node-s3/node_modules/s3rver/bin/s3rver.js" \
        --directory "$SERVERS/s3rver" --address 127.0.0.1 --port 0 --no-vhost-buckets
    S3RVER_URL=$(url_of s3rver) && answers "$S3RVER_URL/" || return 1
    export S3RVER_URL
}

# start_proxy URL [OPTION...]: proxy.py in front of a server; sets PROXY_URL.
start_proxy() {
    launch proxy "$SYSTEM_PYTHON" -B "$S3_TESTS/proxy.py" "$@"
    PROXY_URL=$(url_of proxy) || return 1
    export PROXY_URL
}

# faults JSON: the proxy's rules from now on; its log and counts begin anew.
faults() {
    proxy_control reset -X POST >/dev/null && proxy_control faults --data-binary "$1" >/dev/null
}

# proxy_control NAME [CURL OPTION...]: what the proxy answers at /__NAME.
proxy_control() {
    curl -sS --noproxy '*' --fail-with-body "${@:2}" "$PROXY_URL/__$1"
}

# logged EXPRESSION: Python's value of it, where log is the proxy's list of requests and stats its counts:
# logged 'sum(r["method"] == "PUT" for r in log)'
logged() {
    {
        proxy_control log
        echo ,
        proxy_control stats
    } | "$SYSTEM_PYTHON" -c 'import json, sys
log, stats = json.loads("[" + sys.stdin.read() + "]")
print(eval(sys.argv[1]))' "$1"
}

# start_creds [OPTION...]: creds.py; sets CREDS_URL.
start_creds() {
    launch creds "$SYSTEM_PYTHON" -B "$S3_TESTS/creds.py" "$@"
    CREDS_URL=$(url_of creds) || return 1
    export CREDS_URL
}

# mirror push|pull DIR URL [KEY_ID SECRET]
mirror() {
    "$SYSTEM_PYTHON" -B "$S3_TESTS/mirror.py" "$@"
}

# use_s3 URL KEY_ID SECRET: the agent's store is there; the environment has these credentials and no others.
use_s3() {
    unset "${!AWS_@}"
    export PROCAGENT_STORE_KIND=s3 PROCAGENT_STORE_ENDPOINT=$1 PROCAGENT_STORE_REGION=us-east-1
    export AWS_ACCESS_KEY_ID=$2 AWS_SECRET_ACCESS_KEY=$3
    export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
}

# ---- TLS ----

# authority NAME, and certificate NAME AUTHORITY SAN: NAME.pem and NAME.key in the current directory.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=Test $1" \
        -keyout "$1.key" -out "$1.pem" -addext 'keyUsage=critical,keyCertSign' 2>>openssl.log
}

certificate() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=Test $1" \
        -keyout "$1.key" -out "$1.csr" 2>>openssl.log
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 -out "$1.pem" \
        -extfile <(echo "subjectAltName=$3") 2>>openssl.log
}

# free_ports N: so many, that nobody listens at now.
free_ports() {
    "$SYSTEM_PYTHON" -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))' "$1"
}

# tls_server PORT CERTIFICATE URL: nginx's block for one. The path goes on as it came, and so does Host, which
# signatures cover.
tls_server() {
    cat <<CONF
    server {
        listen 127.0.0.1:$1 ssl;
        ssl_certificate $2.pem;
        ssl_certificate_key $2.key;
        location / {
            proxy_pass $3;
            proxy_http_version 1.1;
            proxy_set_header Host \$http_host;
            proxy_set_header Connection "";
        }
    }
CONF
}

# nginx_conf URL PORT PORT PORT: the whole of it, with all that nginx writes in the current directory.
nginx_conf() {
    cat <<CONF
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp;
    scgi_temp_path temp;
$(tls_server "$2" server "$1")
$(tls_server "$3" stranger "$1")
$(tls_server "$4" elsewhere "$1")
}
CONF
}

# start_tls URL: HTTPS in front of a server. Sets CA_FILE; TLS_URL and TLS_LOCALHOST_URL, whose certificate it
# signed; OTHER_CA_URL, whose certificate another authority signed; WRONG_HOST_URL, which is another host's.
start_tls() {
    local dir=$SERVERS/tls nginx try ports
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || {
        echo "nginx is not installed" >&2
        return 1
    }
    mkdir -p "$dir"
    (
        cd "$dir" || exit 1
        authority ca && authority other-ca && certificate server ca 'IP:127.0.0.1,DNS:localhost' &&
            certificate stranger other-ca 'IP:127.0.0.1,DNS:localhost' && certificate elsewhere ca 'DNS:elsewhere.test'
    ) || return 1
    for try in 1 2 3; do # somebody may take a port in between
        read -ra ports <<<"$(free_ports 3)"
        nginx_conf "$1" "${ports[@]}" >"$dir/nginx.conf"
        launch tls "$nginx" -p "$dir/" -c nginx.conf -e stderr
        answers "https://127.0.0.1:${ports[0]}/" --cacert "$dir/ca.pem" && break
        if [ "$try" -eq 3 ]; then
            tail -n 20 "$SERVERS/tls.log" >&2
            return 1
        fi
    done
    export CA_FILE=$dir/ca.pem TLS_URL=https://127.0.0.1:${ports[0]} TLS_LOCALHOST_URL=https://localhost:${ports[0]}
    export OTHER_CA_URL=https://127.0.0.1:${ports[1]} WRONG_HOST_URL=https://127.0.0.1:${ports[2]}
}
