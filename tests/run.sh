#!/usr/bin/env bash
# Installs what is missing (Debian 12), builds with GCC and runs the whole suite, emulators included.
#
#   tests/run.sh         GCC
#   tests/run.sh --all   and Clang with AddressSanitizer and UndefinedBehaviorSanitizer, the threaded part with
#                        ThreadSanitizer, and projects that use us
#
# Crow is not installed, for Debian has no package of it: its tests run when DYNASESSION_CROW_INCLUDE_DIR, a variable of
# the environment, is the folder of crow.h; otherwise a line says that they do not.
#
# Ends with "N passed, N failed": tests of CTest; a step that cannot be carried out (no package, a build that fails)
# counts as failed. Exit status 0 only if nothing failed.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit

all=false
case "${1-}" in
"") ;;
--all) all=true ;;
*)
    echo "expected: tests/run.sh [--all]" >&2
    exit 2
    ;;
esac

logs=build/logs
. tests/support/debian.sh
passed=0
failed=0

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# ---- what is needed

need_to_build
need git command -v git
need openssl command -v openssl
need python3 command -v python3
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
need doctest-dev have_header doctest/doctest.h
need libbenchmark-dev have_header benchmark/benchmark.h
need libyaml-cpp-dev have_header yaml-cpp/yaml.h
need zlib1g-dev have_header zlib.h
need libcpp-httplib-dev have_header httplib.h
need pkgconf command -v pkg-config
need nodejs command -v node
need npm command -v npm
need stunnel4 command -v stunnel4
need default-jre-headless command -v java
if compgen -G 'tests/demo/*browser*' >/dev/null; then
    need chromium command -v chromium
    need chromium-driver command -v chromedriver
fi
if $all; then
    need clang-14 command -v clang++-14
    need libclang-rt-14-dev compgen -G '/usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.tsan*'
fi

install_missing || { failed=1; finish; }

# ---- build and test

jobs=$(build_jobs)

# suite PRESET "BUILD TARGETS" CTEST ARGUMENTS...
suite() {
    local preset=$1 targets=$2 numbers
    shift 2
    if ! step "$preset: configure" cmake --preset "$preset"; then
        failed=$((failed + 1))
        return
    fi
    sed -n 's/^-- \(.*NOT TESTED.*\)/\1/p' "$logs/${preset}__configure.log"
    # shellcheck disable=SC2086 # the targets are words
    if ! step "$preset: build" cmake --build --preset "$preset" --parallel "$jobs" --target $targets -- -k 0; then
        failed=$((failed + 1))
        return
    fi
    step "$preset: tests" ctest --preset "$preset" --parallel "$jobs" --output-junit "$PWD/$logs/$preset.xml" "$@"
    local status=$?
    # What was not run, for whatever reason, has not passed.
    numbers=$(sed -n '/<testsuite /,/>/p' "$logs/$preset.xml" 2>/dev/null | tr '\n' ' ' |
        sed -n 's/.*tests="\([0-9]*\)".*failures="\([0-9]*\)".*disabled="\([0-9]*\)".*skipped="\([0-9]*\)".*/\1 \2 \3 \4/p')
    rm -f "$logs/$preset.xml"
    local total failures disabled skipped
    read -r total failures disabled skipped <<<"${numbers:-0 0 0 0}"
    local bad=$((failures + disabled + skipped))
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    echo "$preset: $((total - bad)) of $total tests passed"
    passed=$((passed + total - bad))
    failed=$((failed + bad))
}

step "emulators" python3 tests/support/emulators.py || failed=$((failed + 1))

if $all; then
    # What takes long is run once, sanitized; with GCC too without --all.
    suite gcc "all all_verify_interface_header_sets" --label-exclude 'contract|faults|history|demo|tls'
    # The Clang build is the sanitized one: every warning and every test, once.
    suite asan all --label-exclude 'tree|standalone|consumers'
    suite tsan "unit_tests contract_tests"
else
    suite gcc "all all_verify_interface_header_sets" --label-exclude consumers
fi
finish
