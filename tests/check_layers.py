#!/usr/bin/env python3
"""Reads the includes of the library against the table of rooms, and a few rules that keep headers small and narrow.

    check_layers.py [--include DIR]   prints each violation as file:line: rule: text; exit 1 if there is one
    check_layers.py --self-test       shows that each rule catches what it is for
"""
import argparse
import pathlib
import re
import sys
import tempfile

# Room: the own rooms or headers it may include, and the other libraries. The C++ standard library is free for all.
TABLE = {
    "detail": ([], ["openssl", "immintrin"]),
    "core": (["detail"], ["boost/system", "boost/json"]),
    "op": (["core/config.hpp", "core/error.hpp"], ["boost/system", "boost/asio"]),
    "http": (["core/error.hpp", "core/options.hpp", "detail", "op"],
             ["boost/system", "boost/asio", "boost/beast", "openssl", "posix"]),
    "aws": (["core/error.hpp", "detail", "http", "op"], ["boost/system", "boost/asio", "boost/json"]),
    "dynamodb": (["core/config.hpp", "core/error.hpp", "detail", "aws", "http", "op"], ["boost/system", "boost/asio", "boost/json"]),
    "lock": (["core", "op", "detail"], ["boost/system", "boost/asio", "boost/json"]),
    "serializer": (["core", "op", "detail"], ["boost/system", "boost/json"]),
    "backend": (["core", "op", "detail", "dynamodb"], ["boost/system", "boost/asio", "boost/json", "boost/unordered"]),
    "store": (["core", "op"], ["boost/system", "boost/asio", "boost/json"]),
    "web": (["core", "detail", "store"], ["boost/system", "boost/asio", "boost/beast", "boost/json"]),
}
# Headers of the top level see every room and each other; these are the ones a room's header may never include.
EXTRA = {
    "web/crow.hpp": ["crow"], "web/crow_store.hpp": ["crow"], "src.hpp": ["boost/json/src.hpp"],
    "aws/run_program.hpp": ["posix"], "serializer/compressed.hpp": ["zlib"],
}
UMBRELLAS = {
    "boost/asio.hpp", "boost/asio/ssl.hpp", "boost/asio/yield.hpp", "boost/asio/unyield.hpp", "boost/beast.hpp",
    "boost/beast/core.hpp", "boost/beast/http.hpp", "boost/beast/ssl.hpp", "boost/beast/websocket.hpp",
    "boost/json.hpp", "boost/system.hpp", "boost/json/src.hpp", "boost/asio/impl/src.hpp", "boost/beast/src.hpp",
}
# A program that keeps its sessions in memory compiles neither Beast nor OpenSSL's TLS.
CLOSURES = {"memory_session_store.hpp": ["boost/beast", "openssl/ssl.h"]}
POSIX = re.compile(r"(arpa|net|netinet|sys)/\w+\.h|(errno|fcntl|netdb|poll|signal|spawn|unistd)\.h")
MOST_LINES = 400
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def under(name, folder):
    return name == folder or name.startswith(folder + "/")


def library(name):
    """The library a foreign header belongs to, as the table calls it; None for the standard library."""
    if "/" not in name and "." not in name:
        return None
    if POSIX.fullmatch(name):
        return "posix"
    parts = name.split("/")
    if parts[0] == "boost":
        return "boost/" + parts[1].removesuffix(".hpp")
    return parts[0].removesuffix(".hpp").removesuffix(".h")


class Tree:
    def __init__(self, include):
        self.include = pathlib.Path(include)
        self.root = self.include / "dynasession"
        self.violations = []
        self.lines = {}
        self.includes = {}  # own header -> [(line, opening character, name)]
        headers = sorted(self.include.rglob("*.hpp"))
        for path in headers:
            self.lines[path] = path.read_text(encoding="utf-8").splitlines()
            found = [(i, m[1], m[2]) for i, line in enumerate(self.lines[path], 1) if (m := INCLUDE.match(line))]
            self.includes[path] = found

    def report(self, path, line, rule, text):
        self.violations.append((path.relative_to(self.include).as_posix(), line, rule, text))

    def own(self, name):
        return self.include / name if under(name, "dynasession") or name == "dynasession.hpp" else None

    def check(self):
        for path in self.includes:
            self.check_shape(path)
            for line, opening, name in self.includes[path]:
                self.check_include(path, line, opening, name)
        self.check_circles()
        for name, forbidden in CLOSURES.items():
            self.check_closure(self.root / name, forbidden)
        return sorted(set(self.violations))

    def check_shape(self, path):
        lines = self.lines[path]
        if len(lines) > MOST_LINES:
            self.report(path, len(lines), "size", f"{len(lines)} lines, at most {MOST_LINES}")
        guard = re.sub(r"[/.]", "_", path.relative_to(self.include).as_posix()).upper()
        if lines[:2] != [f"#ifndef {guard}", f"#define {guard}"]:
            self.report(path, 1, "guard", f"does not begin with #ifndef and #define {guard}")

    def check_include(self, path, line, opening, name):
        if opening == '"':
            return self.report(path, line, "form", f'"{name}": own headers are written <dynasession/...>')
        inside = path.relative_to(self.include).as_posix().removeprefix("dynasession/")
        room = inside.split("/")[0] if "/" in inside else None
        if any(under(name, extra) or library(name) == extra for extra in EXTRA.get(inside, [])):
            return
        if name in UMBRELLAS:
            return self.report(path, line, "umbrella", f"<{name}>: include the narrow header")
        target = self.own(name)
        if target and target not in self.includes:
            return self.report(path, line, "missing", f"<{name}> does not exist")
        if not room:
            return
        if room not in TABLE:
            return self.report(path, line, "room", f"{room}/ is not a room of the table")
        rooms, libraries = TABLE[room]
        if target:
            wanted = name.removeprefix("dynasession/")
            if not any(under(wanted, allowed) for allowed in [room, *rooms]):
                self.report(path, line, "layer", f"{room} may not include <{name}>")
        elif (lib := library(name)) and lib not in libraries:
            self.report(path, line, "library", f"{room} may not include <{name}>")
        elif under(name, "boost/asio/ssl"):
            self.report(path, line, "library", f"<{name}>: TLS is made in http/tls.hpp, without asio::ssl")

    def edges(self, path):
        return [(line, t) for line, _, name in self.includes[path] if (t := self.own(name)) in self.includes]

    def check_circles(self):
        done, stack = set(), []

        def visit(path):
            stack.append(path)
            for line, target in self.edges(path):
                if target in stack:
                    circle = [p.relative_to(self.include).as_posix() for p in stack[stack.index(target):] + [target]]
                    self.report(path, line, "circle", " -> ".join(circle))
                elif target not in done:
                    visit(target)
            done.add(stack.pop())

        for path in self.includes:
            if path not in done:
                visit(path)

    def check_closure(self, root, forbidden):
        seen, queue = {root}, [(root, None)] if root in self.includes else []
        while queue:
            path, first = queue.pop()
            for line, _, name in self.includes[path]:
                start = first or line
                target = self.own(name)
                if any(under(name, f) for f in forbidden):
                    chain = "" if path == root else f", through {path.relative_to(self.include).as_posix()}"
                    self.report(root, start, "closure", f"reaches <{name}>{chain}")
                if target in self.includes and target not in seen:
                    seen.add(target)
                    queue.append((target, start))


# ---- the check of the check

CLEAN = {
    "core/error.hpp": ["<boost/system/error_code.hpp>", "<string>"],
    "op/run.hpp": ["<dynasession/core/error.hpp>", "<boost/asio/compose.hpp>"],
    "http/client.hpp": ["<dynasession/op/run.hpp>", "<boost/beast/http/parser.hpp>", "<openssl/ssl.h>", "<poll.h>"],
    "store/operations.hpp": ["<dynasession/core/error.hpp>", "<dynasession/op/run.hpp>"],
    "memory_session_store.hpp": ["<dynasession/store/operations.hpp>"],
    "src.hpp": ["<boost/json/src.hpp>"],
    "web/crow.hpp": ["<crow.h>", "<dynasession/store/operations.hpp>"],
    "serializer/compressed.hpp": ["<dynasession/core/error.hpp>", "<zlib.h>"],
    "web/crow_store.hpp": ["<crow/middlewares/session.h>"],
}
# rule, file, its includes, the line it has to be reported at
FAULTS = [
    ("layer", "op/run.hpp", ["<dynasession/http/client.hpp>"], 4),
    ("layer", "store/operations.hpp", ["<string>", "<dynasession/backend/memory.hpp>"], 5),
    ("layer", "op/run.hpp", ["<dynasession/core/session.hpp>"], 4),  # a file of a room, not the whole room
    ("layer", "core/error.hpp", ["<dynasession/memory_session_store.hpp>"], 4),
    ("library", "core/error.hpp", ["<boost/asio/compose.hpp>"], 4),
    ("library", "serializer/json.hpp", ["<boost/asio/any_io_executor.hpp>"], 4),
    ("library", "store/operations.hpp", ["<boost/beast/http/parser.hpp>"], 4),
    ("library", "aws/sigv4.hpp", ["<openssl/sha.h>"], 4),
    ("library", "lock/no_lock.hpp", ["<sys/socket.h>"], 4),
    ("library", "http/client.hpp", ["<boost/asio/ssl/context.hpp>"], 4),
    ("library", "core/error.hpp", ["<crow.h>"], 4),
    ("library", "serializer/json.hpp", ["<zlib.h>"], 4),
    ("library", "web/cookie.hpp", ["<crow/middlewares/session.h>"], 4),
    ("umbrella", "op/run.hpp", ["<boost/asio.hpp>"], 4),
    ("umbrella", "core/error.hpp", ["<boost/json/src.hpp>"], 4),
    ("umbrella", "memory_session_store.hpp", ["<boost/beast/http.hpp>"], 4),
    ("form", "op/run.hpp", ['"action.hpp"'], 4),
    ("room", "helpers/text.hpp", ["<string>"], 4),
    ("missing", "op/run.hpp", ["<dynasession/op/gone.hpp>"], 4),
    ("closure", "memory_session_store.hpp", ["<string>", "<dynasession/http/client.hpp>"], 5),
    ("circle", "core/error.hpp", ["<dynasession/core/session.hpp>"], 4),
    ("size", "core/error.hpp", ["<string>"] * 401, 405),
    ("guard", "core/error.hpp", None, 1),
]


def write(include, name, includes):
    path = include / "dynasession" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    guard = "DYNASESSION_" + re.sub(r"[/.]", "_", name).upper()
    head = ["#pragma once"] if includes is None else [f"#ifndef {guard}", f"#define {guard}", ""]
    path.write_text("\n".join([*head, *(f"#include {i}" for i in includes or []), "#endif", ""]), encoding="utf-8")


def self_test():
    wrong = 0
    for rule, name, includes, line in [(None, None, None, None), *FAULTS]:
        with tempfile.TemporaryDirectory() as folder:
            include = pathlib.Path(folder)
            for clean, its_includes in CLEAN.items():
                write(include, clean, its_includes)
            write(include, "core/session.hpp", ["<dynasession/core/error.hpp>"] if rule == "circle" else [])
            write(include, "backend/memory.hpp", [])
            if name:
                write(include, name, includes)
            found = Tree(include).check()
        mine = [v for v in found if v[2] == rule]
        expected = not found if rule is None else any(v[:2] == ("dynasession/" + name, line) for v in mine)
        if rule == "circle":
            expected = len(mine) == 1
        if not expected:
            wrong += 1
            print(f"self-test: {rule or 'clean tree'} ({name}): found {found}")
    print(f"self-test: {len(FAULTS) + 1} trees, {wrong} wrong")
    return wrong == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "include")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return 0 if self_test() else 1
    tree = Tree(arguments.include)
    violations = tree.check()
    for path, line, rule, text in violations:
        print(f"include/{path}:{line}: {rule}: {text}")
    if not tree.includes:
        print(f"no headers under {arguments.include}")
        return 1
    print(f"{len(tree.includes)} headers, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
