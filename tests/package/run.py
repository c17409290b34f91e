#!/usr/bin/env python3
"""Uses the library as others will: find_package after an install, add_subdirectory, FetchContent, plain -I, and
separate compilation."""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
FOREIGN = ("CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CMAKE_PREFIX_PATH", "CPLUS_INCLUDE_PATH", "CMAKE_GENERATOR")

WITH_ZLIB = ("find_package", "add_subdirectory")  # these build a second program, which compresses


class Failed(Exception):
    pass


def run(*command, **settings):
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    done = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **settings)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def build(project, work, compiler, *definitions):
    build_dir = work / project
    run("cmake", "-S", HERE / project, "-B", build_dir, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}", *definitions)
    run("cmake", "--build", build_dir)
    if project in WITH_ZLIB:
        run(build_dir / "compressing_consumer")
    return build_dir / "consumer"


def find_package(work, compiler):
    library = work / "library"
    run("cmake", "-S", TOP, "-B", library, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}",
        *(f"-DDYNASESSION_{part}=OFF" for part in ("TESTS", "EXAMPLES", "BENCHMARKS")))
    run("cmake", "--install", library, "--prefix", work / "prefix")
    # Moved, to show that no path of the place where it was made is written into it.
    (work / "prefix").rename(work / "elsewhere")
    return build("find_package", work, compiler, f"-DCMAKE_PREFIX_PATH={work / 'elsewhere'}")


def add_subdirectory(work, compiler):
    return build("add_subdirectory", work, compiler)


def fetch_content(work, compiler):
    return build("fetch_content", work, compiler)


def single_header(work, compiler):
    program = work / "single_header"
    run(compiler, "-std=c++20", "-DCONSUMER_SINGLE_HEADER", "-I", TOP / "single_include", HERE / "main.cpp",
        "-o", program, "-lssl", "-lcrypto", "-pthread")
    return program


def separate_compilation(work, compiler):
    program, sources = work / "separate", work / "sources.cpp"
    sources.write_text("#include <dynasession/src.hpp>\n")
    run(compiler, "-std=c++20", "-DDYNASESSION_SEPARATE_COMPILATION", "-I", TOP / "include", HERE / "main.cpp", sources,
        "-o", program, "-lssl", "-lcrypto", "-pthread")
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default="c++")
    compiler = parser.parse_args().compiler
    failed = 0
    for style in (find_package, add_subdirectory, fetch_content, single_header, separate_compilation):
        with tempfile.TemporaryDirectory(prefix="dynasession.") as folder:
            try:
                said = run(style(pathlib.Path(folder), compiler), cwd=folder)
                print(f"{style.__name__}: {said.strip()}", flush=True)
            except Failed as problem:
                failed += 1
                print(f"{style.__name__} FAILED: {problem}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
