# shellcheck shell=bash disable=SC2154
# What the scripts for a bare Debian 12 share; to be sourced with `logs` set to a folder.

mkdir -p "$logs"

# step NAME COMMAND...: quiet while it goes well; the whole log when it does not.
step() {
    local name=$1 log="$logs/${1//[^a-z0-9]/_}.log" start=$SECONDS
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        echo "$name: $((SECONDS - start)) s"
    else
        local status=$?
        cat "$log"
        echo "$name: FAILED after $((SECONDS - start)) s"
        return "$status"
    fi
}

have_header() { [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }
have_boost() {
    local version
    version=$(cat /usr/local/include/boost/version.hpp /usr/include/boost/version.hpp 2>/dev/null |
        sed -n 's/^#define BOOST_VERSION \([0-9]*\)$/\1/p' | head -n 1)
    [ "${version:-0}" -ge 108100 ]
}

missing=()
need() { # need PACKAGE TEST...: the package is missing if the test fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
need_to_build() { # what it takes to configure and compile our programs
    need g++ command -v g++
    need cmake command -v cmake
    need ninja-build command -v ninja
    need curl command -v curl
    need libboost1.81-dev have_boost
    need libssl-dev have_header openssl/ssl.h
    need libcli11-dev have_header CLI/CLI.hpp
}

apt_install() {
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    command -v apt-get || { echo "this is not Debian: install ${missing[*]} by other means"; return 1; }
    "${root[@]}" apt-get -qq update &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}"
}
install_missing() {
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "installing ${missing[*]}"
    step "install" apt_install
}

# How many compilers may run at once: a unit of ours takes up to 1.5 GB.
build_jobs() {
    local jobs memory_jobs
    jobs=$(nproc)
    memory_jobs=$(awk '/MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
    [ "$memory_jobs" -ge "$jobs" ] || jobs=$((memory_jobs > 1 ? memory_jobs : 1))
    echo "$jobs"
}
