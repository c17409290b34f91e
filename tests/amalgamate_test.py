#!/usr/bin/env python3
"""single_include/amalgamate.py on small made-up trees."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "single_include" / "amalgamate.py"


def header(guard, *body):
    return "\n".join([f"#ifndef {guard}", f"#define {guard}", *body, "#endif", ""])


def own(name):
    return f"#include <dynasession/{name}>"


class Amalgamate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.include = pathlib.Path(folder.name) / "include"
        self.output = pathlib.Path(folder.name) / "dynasession.hpp"

    def tree(self, root, **headers):
        for name, text in {"dynasession.hpp": root, **{f"dynasession/{n}.hpp": t for n, t in headers.items()}}.items():
            path = self.include / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run_script(self, *arguments):
        done = subprocess.run([sys.executable, SCRIPT, "--include", self.include, "--output", self.output, *arguments],
                              capture_output=True, text=True)
        return done.returncode, done.stderr

    def small_tree(self):
        self.tree(header("ROOT", own("a.hpp"), own("b.hpp")),
                  a=header("A", "#include <string>", "int a;"),
                  b=header("B", own("a.hpp"), "#if X", "int b;", "#endif"),
                  src=header("SRC", "#include <boost/json/src.hpp>"))

    def test_puts_each_header_where_it_is_first_included(self):
        self.small_tree()
        self.assertEqual(self.run_script(), (0, ""))
        lines = self.output.read_text().splitlines()
        self.assertEqual(lines[lines.index("#ifndef ROOT"):], [
            "#ifndef ROOT", "#define ROOT",
            "// #include <dynasession/a.hpp>", "#ifndef A", "#define A", "#include <string>", "int a;", "#endif",
            "// #include <dynasession/b.hpp>", "#ifndef B", "#define B", "// #include <dynasession/a.hpp>",
            "#if X", "int b;", "#endif", "#endif",
            "#endif"])

    def test_check_accepts_what_it_wrote_and_nothing_else(self):
        self.small_tree()
        self.assertEqual(self.run_script("--check")[0], 1, "there is no file yet")
        self.run_script()
        self.assertEqual(self.run_script("--check"), (0, ""))
        (self.include / "dynasession/a.hpp").write_text(header("A", "long a;"))
        before = self.output.read_text()
        status, message = self.run_script("--check")
        self.assertEqual(status, 1)
        self.assertIn("not up to date", message)
        self.assertEqual(self.output.read_text(), before, "a check changes nothing")

    def test_refuses_a_circle_and_names_it(self):
        self.tree(header("ROOT", own("a.hpp")), a=header("A", own("b.hpp")), b=header("B", own("a.hpp")))
        status, message = self.run_script()
        self.assertEqual(status, 1)
        self.assertIn("circle: dynasession/a.hpp -> dynasession/b.hpp -> dynasession/a.hpp", message)
        self.assertFalse(self.output.exists())

    def test_refuses_a_header_that_the_root_does_not_reach(self):
        self.tree(header("ROOT", own("a.hpp")), a=header("A"), b=header("B"))
        status, message = self.run_script()
        self.assertEqual(status, 1)
        self.assertIn("not reached from dynasession.hpp: dynasession/b.hpp", message)

    def test_refuses_an_include_of_nothing(self):
        self.tree(header("ROOT", own("gone.hpp")))
        status, message = self.run_script()
        self.assertEqual(status, 1)
        self.assertIn("dynasession.hpp -> dynasession/gone.hpp: no such header", message)

    def test_keeps_an_optional_header_under_its_condition(self):
        self.tree(header("ROOT", own("a.hpp"), "#ifdef WITH_CROW", own("crow.hpp"), "#endif"),
                  a=header("A"), crow=header("CROW", own("a.hpp"), "int crow;"))
        self.assertEqual(self.run_script(), (0, ""))
        lines = self.output.read_text().splitlines()
        self.assertLess(lines.index("#ifdef WITH_CROW"), lines.index("int crow;"))

    def test_refuses_what_would_exist_only_under_the_condition_of_another(self):
        self.tree(header("ROOT", "#ifdef WITH_CROW", own("crow.hpp"), "#endif", own("a.hpp")),
                  a=header("A"), crow=header("CROW", own("a.hpp")))
        status, message = self.run_script()
        self.assertEqual(status, 1)
        self.assertIn("dynasession.hpp needs <dynasession/a.hpp>, which the single header has only under", message)


if __name__ == "__main__":
    unittest.main()
