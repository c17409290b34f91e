#!/usr/bin/env python3
"""The README shows files of the tree verbatim: a cpp block after a comment <!-- path/of/file.cpp --> is that file.

    readme_test.py            tells which blocks differ
    readme_test.py --update   copies the files into the README
"""
import difflib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"(?ms)^(<!-- ([\w./-]+\.[ch]pp) -->\n+```cpp\n)(.*?)^(```$)")


def main():
    update = sys.argv[1:] == ["--update"]
    if sys.argv[1:] and not update:
        sys.exit("readme_test.py: expected nothing or --update")
    text = README.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    if not any(path == "examples/quickstart.cpp" for _, path, _, _ in blocks):
        sys.exit("README.md: no cpp block after <!-- examples/quickstart.cpp -->")
    if update:
        README.write_text(BLOCK.sub(lambda m: m[1] + (ROOT / m[2]).read_text(encoding="utf-8") + m[4], text), encoding="utf-8")
        return
    differences = []
    for _, path, shown, _ in blocks:
        real = (ROOT / path).read_text(encoding="utf-8")
        differences += difflib.unified_diff(shown.splitlines(), real.splitlines(), f"README.md: {path}", path, lineterm="")
    if differences:
        print(*differences, sep="\n")
        sys.exit("README.md differs from the files it shows: run tests/readme_test.py --update")


if __name__ == "__main__":
    main()
