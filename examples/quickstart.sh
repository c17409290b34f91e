#!/usr/bin/env bash
# Installs what is missing (Debian 12), builds the demo server and shows a session live across requests.
#
#   examples/quickstart.sh                       shows, and stops the server
#   examples/quickstart.sh --serve [OPTIONS...]  leaves it running for a browser; its own options follow (try --help)
set -u -o pipefail
cd "$(dirname "$0")/.." || exit

serve=false
case "${1-}" in
"") ;;
--serve)
    serve=true
    shift
    ;;
*)
    echo "expected: examples/quickstart.sh [--serve [OPTIONS...]]" >&2
    exit 2
    ;;
esac

folder=build/quickstart
logs=$folder/logs
. tests/support/debian.sh

need_to_build
install_missing || exit
step "configure" cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DDYNASESSION_TESTS=OFF \
    -DDYNASESSION_BENCHMARKS=OFF || exit
step "build" cmake --build "$folder" --parallel "$(build_jobs)" --target examples_quickstart examples_beast_server || exit
server=$folder/examples/beast_server

if $serve; then
    exec "$server" "$@"
fi

echo
echo "A program with a session, examples/quickstart.cpp:"
"$folder/examples/quickstart" | sed 's/^/    /' || exit

# ---- the same in a web server

scratch=$(mktemp -d)
pid=
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT TERM

fail() {
    echo "$1" >&2
    [ ! -s "$scratch/log" ] || { echo "the server's log:" && cat "$scratch/log"; } >&2
    exit 1
}

mkfifo "$scratch/output"
"$server" --port 0 >"$scratch/output" 2>"$scratch/log" &
pid=$!
exec 3<"$scratch/output"
read -r -t 30 -u 3 line || fail "the server does not start"
url=${line#listening on }

# request SAYS CURL-ARGUMENTS...: one request of a browser with a cookie jar; leaves head and page in the scratch folder.
request() {
    local says=$1
    shift
    curl --silent --show-error --fail --max-time 30 --cookie "$scratch/jar" --cookie-jar "$scratch/jar" \
        --dump-header "$scratch/head" --output "$scratch/page" "$@" || fail "$says: no good answer"
    # Of the secret id only the beginning is shown.
    printf '    %-22s %s\n' "$says" "$(tr -d '\r' <"$scratch/head" | sed -n '1s/^HTTP[^ ]* //p
        s/^Set-Cookie: \([^=]*=[^;]\{0,6\}\)[^;]*/  cookie \1.../p' | paste -sd ' ')"
}
shown() { sed -n "s/\xc2\xa0/ /g; s/.*id=\"$1\"[^>]*>\([^<]*\)<.*/\1/p" "$scratch/page"; }
expect() { # expect WHAT FOUND EXPECTED
    [ "$2" = "$3" ] || fail "$1: found '$2', expected '$3'"
    echo "        $1: $2"
}

echo
echo "A web server with sessions, examples/beast_server, at $url:"
request "GET /" "$url/"
expect "cookies" "$(grep -ci '^set-cookie' "$scratch/head")" 0
request "POST /login" --data-urlencode "name=Jeremy" "$url/login"
request "GET /" "$url/"
expect "greeting" "$(sed -n 's/^<h1>\(.*\)<\/h1>$/\1/p' "$scratch/page")" "Hello Jeremy"
token=$(sed -n 's/.*name="token" value="\([^"]*\)".*/\1/p' "$scratch/page" | head -n 1)
request "POST /count" --data "token=$token" "$url/count"
request "POST /count" --data "token=$token" "$url/count"
request "POST /cart/add (mug)" --data "token=$token&item=mug" "$url/cart/add"
request "GET /" "$url/"
expect "clicks" "$(shown clicks)" 2
expect "total of the cart" "$(shown total)" "€ 11.90"
request "GET /devices" "$url/devices"
expect "logged in by" "$(sed -n 's/^<li>.*<b>\(.*\)<\/b>.*/\1/p' "$scratch/page")" "curl"
request "POST /logout" --data "token=$token" "$url/logout"
request "GET /" "$url/"
expect "page" "$(sed -n 's/^<h1>\(.*\)<\/h1>$/\1/p' "$scratch/page")" "Who are you?"

kill -TERM "$pid"
wait "$pid"
status=$?
pid=
[ "$status" -eq 0 ] || fail "the server ended with $status"
echo
echo "What the server logged: a session is named, its id is not."
sed 's/^/    /' "$scratch/log"
echo
echo "The server has stopped. To use it in a browser: examples/quickstart.sh --serve"
