#!/usr/bin/env python3
"""The checker with made-up histories, one for each thing that it has to see."""
import pathlib
import tempfile
import unittest

import checker

# Two threads of a process and one of another, one after the other.
GOOD = """
10 invoke 1:0:0:0 0 shared -
12 hold 1:0:0:0 0 shared -
15 ok 1:0:0:0 0 shared -
20 invoke 1:0:1:0 0 shared -
25 ok 1:0:1:0 0 shared -
30 invoke 2:0:0:0 1 shared -
35 fail 2:0:0:0 1 shared conflict
40 invoke 1:0:0:1 0 shared -
45 unknown 1:0:0:1 0 shared timeout
50 invoke 2:0:0:1 0 shared -
"""
LEFT = ["1:0:0:0", "1:0:1:0"]


def history_of(text):
    history = checker.History()
    for line in text.strip().splitlines():
        history.add(line)
    return history


class Checker(unittest.TestCase):
    def check(self, *sessions, history=GOOD):
        lists = [names if names is None or isinstance(names, dict) else {"shared": names} for names in sessions]
        found = checker.check(history_of(history), lists)
        return {kind: len(examples) for kind, examples in found.items() if examples}

    def test_finds_nothing_in_a_good_history(self):
        self.assertEqual(self.check(LEFT, []), {})

    def test_what_is_unknown_or_was_killed_may_have_been_carried_out_once(self):
        self.assertEqual(self.check([*LEFT, "1:0:0:1"], []), {})
        self.assertEqual(self.check([*LEFT, "2:0:0:1", "1:0:0:1"], []), {})

    def test_sees_what_was_lost(self):
        self.assertEqual(self.check(["1:0:1:0"], []), {"lost": 1})

    def test_sees_a_lost_list(self):
        self.assertEqual(self.check({}, {}), {"lost": 2})

    def test_sees_what_was_duplicated(self):
        self.assertEqual(self.check([*LEFT, "1:0:1:0"], []), {"duplicated": 1})

    def test_sees_what_is_unknown_and_was_carried_out_twice(self):
        self.assertEqual(self.check([*LEFT, "1:0:0:1", "1:0:0:1"], []), {"duplicated": 1})

    def test_sees_what_failed_and_was_carried_out(self):
        self.assertEqual(self.check(LEFT, ["2:0:0:0"]), {"applied_but_failed": 1})

    def test_sees_what_is_in_another_session(self):
        self.assertEqual(self.check(LEFT, ["1:0:0:1"]), {"misplaced": 1})
        self.assertEqual(self.check(["1:0:0:0"], ["1:0:1:0"]), {"misplaced": 1, "lost": 1})

    def test_sees_what_is_under_another_key(self):
        self.assertEqual(self.check({"shared": LEFT, "own": ["1:0:0:1"]}, []), {"misplaced": 1})

    def test_sees_what_is_in_two_sessions(self):
        self.assertEqual(self.check(LEFT, ["1:0:1:0"]), {"duplicated": 1, "misplaced": 1})

    def test_sees_what_nobody_did(self):
        self.assertEqual(self.check([*LEFT, "9:0:0:0"], []), {"invented": 1})

    def test_sees_what_overtook_in_real_time(self):
        self.assertEqual(self.check(LEFT[::-1], []), {"order": 1})

    def test_sees_what_is_unknown_and_before_what_had_ended(self):
        self.assertEqual(self.check(["1:0:0:1", *LEFT], []), {"order": 1})

    def test_sees_an_overtaking_across_others(self):
        with_open_ones = GOOD + "5 invoke 3:0:0:0 0 shared -\n6 invoke 3:0:1:0 0 shared -\n"
        names = ["1:0:1:0", "3:0:0:0", "3:0:1:0", "1:0:0:0"]
        self.assertEqual(self.check(names, [], history=with_open_ones), {"order": 1})

    def test_accepts_any_order_of_what_was_at_the_same_time(self):
        history = ("1 invoke 1:0:0:0 0 k -\n2 invoke 2:0:0:0 0 k -\n3 ok 1:0:0:0 0 k -\n4 ok 2:0:0:0 0 k -")
        for names in (["1:0:0:0", "2:0:0:0"], ["2:0:0:0", "1:0:0:0"]):
            self.assertEqual(self.check({"k": names}, history=history), {})

    def test_sees_a_thread_out_of_order_whatever_the_clock(self):
        history = "1 invoke 1:0:0:0 0 k -\n9 ok 1:0:0:0 0 k -\n9 invoke 1:0:0:1 0 k -\n12 ok 1:0:0:1 0 k -"
        self.assertEqual(self.check({"k": ["1:0:0:1", "1:0:0:0"]}, history=history), {"program_order": 1})

    def test_sees_a_session_that_has_gone(self):
        self.assertEqual(self.check(LEFT, None), {"vanished": 1})
        self.assertEqual(self.check(LEFT, [], history=GOOD + "55 none 2:0:0:1 0 shared -"), {"vanished": 1})

    def test_sees_a_history_that_is_no_history(self):
        for line in ("60 ok 1:0:0:0 0 shared -", "60 ok 7:0:0:0 0 shared -", "60 done 2:0:0:1 0 shared -",
                     "60 ok 2:0:0:1 1 shared -", "60 invoke 1:0:0:0 0 shared -", "60 ok", "x ok 2:0:0:1 0 shared -"):
            with self.subTest(line):
                self.assertEqual(self.check(LEFT, [], history=GOOD + line), {"torn": 1})

    def test_every_kind_of_violation_is_seen_in_some_test(self):
        text = pathlib.Path(__file__).read_text(encoding="utf-8")
        for kind in checker.VIOLATIONS:
            self.assertIn(f'"{kind}": ', text)


class Files(unittest.TestCase):
    def test_are_read_as_they_grow_and_only_whole_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            history = checker.History(folder)
            first, second = (pathlib.Path(folder) / name for name in ("1.0.history", "2.0.history"))
            first.write_text("1 invoke 1:0:0:0 0 k -\n2 hold 1:0:0:0 0 k -\n3 ok 1:0", encoding="utf-8")
            self.assertEqual(history.read().holders(), ["1:0"])
            first.write_text("1 invoke 1:0:0:0 0 k -\n2 hold 1:0:0:0 0 k -\n3 ok 1:0:0:0 0 k -\n", encoding="utf-8")
            second.write_text("2 invoke 2:0:0:0 0 k -\n", encoding="utf-8")
            self.assertEqual(history.read().holders(), [])
            self.assertEqual((history.counts["ok"], len(history.operations), history.torn), (1, 2, []))


class Successions(unittest.TestCase):
    HISTORY = """
    1000000000 invoke 1:0:0:0 0 k -
    1100000000 hold 1:0:0:0 0 k -
    1100000000 invoke 1:0:1:0 1 k -
    1200000000 invoke 2:0:0:0 0 k -
    1300000000 invoke 3:0:0:0 0 k -
    3500000000 hold 2:0:0:0 0 k -
    3600000000 ok 2:0:0:0 0 k -
    3700000000 hold 3:0:0:0 0 k -
    """

    def test_tell_when_the_next_one_got_in(self):
        held, waiting = checker.successions(history_of(self.HISTORY.replace("    ", "")), "1:0", 1_500_000_000)
        self.assertEqual(held, checker.Succession(True, 2.0, 2.1))
        self.assertEqual(waiting, checker.Succession(False, checker.NEVER, checker.NEVER))

    def test_are_none_of_a_process_that_did_nothing(self):
        self.assertEqual(checker.successions(history_of(GOOD), "1:0", 17), [])


if __name__ == "__main__":
    unittest.main()
