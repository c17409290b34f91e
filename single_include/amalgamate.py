#!/usr/bin/env python3
"""Makes single_include/dynasession.hpp from include/dynasession.hpp.

Each own header is put where it is first included, once; nothing is moved or reformatted otherwise, and the include
itself stays as a comment.

    amalgamate.py           writes the file
    amalgamate.py --check   exit 1 if the file is not what it would write
"""
import argparse
import pathlib
import re
import sys

OWN = re.compile(r"#include <(dynasession/[^>]+)>\n")
LEFT_OUT = {"dynasession/src.hpp"}  # for exactly one source file: users of the single header take Boost's own
TITLE = "// dynasession as one file, made from include/ by amalgamate.py: change it there.\n// Boost Software License 1.0\n\n"


class AmalgamationError(Exception):
    pass


class Amalgamation:
    def __init__(self, include):
        self.include = include
        self.reached = {}  # header -> the #if it stands under, or ""
        self.stack = []

    def expand(self, name, condition=""):
        if name in self.stack:
            raise AmalgamationError("circle: " + " -> ".join([*self.stack[self.stack.index(name):], name]))
        if name in self.reached:
            if self.reached[name] not in ("", condition):
                raise AmalgamationError(f"{self.stack[-1]} needs <{name}>, which the single header has only under "
                                        f"{self.reached[name]}: include it before that")
            return ""
        self.reached[name] = condition
        self.stack.append(name)
        path = self.include / name
        if not path.is_file():
            raise AmalgamationError(f"{' -> '.join(self.stack)}: no such header")
        text, conditions = "", []
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if own := OWN.fullmatch(line):
                # The first condition is the include guard.
                inner = condition or " ".join(conditions[1:])
                text += "// " + line + self.expand(own[1], inner)
                continue
            if re.match(r"\s*#\s*if", line):
                conditions.append(line.strip())
            elif re.match(r"\s*#\s*endif", line):
                conditions.pop()
            text += line
        self.stack.pop()
        return text


def amalgamate(include):
    """The single header's text; every header of the folder has to be part of it."""
    result = Amalgamation(include)
    text = TITLE + result.expand("dynasession.hpp")
    every = {path.relative_to(include).as_posix() for path in include.rglob("*.hpp")}
    if forgotten := sorted(every - LEFT_OUT - set(result.reached)):
        raise AmalgamationError("not reached from dynasession.hpp: " + ", ".join(forgotten))
    return text


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", type=pathlib.Path, default=here.parent / "include")
    parser.add_argument("--output", type=pathlib.Path, default=here / "dynasession.hpp")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    try:
        text = amalgamate(arguments.include)
    except AmalgamationError as problem:
        print(f"amalgamate.py: {problem}", file=sys.stderr)
        return 1
    if not arguments.check:
        arguments.output.write_text(text, encoding="utf-8")
    elif not arguments.output.is_file() or arguments.output.read_text(encoding="utf-8") != text:
        print(f"{arguments.output.name} is not up to date: run single_include/amalgamate.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
