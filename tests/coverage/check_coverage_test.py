"""Proves that check_coverage.py catches what it is for."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_coverage

CPP = "TEST_F(LogTest, Counts) {\n}\nTEST(OtherTest,\n     IsLong) {\n}\n"
PYTHON = """
class Shared:
    def test_shared(self):
        pass
class LiveTest(Shared, Case):
    def test_live(self):
        pass
    def helper(self):
        pass
"""


class CheckCoverageTest(unittest.TestCase):
    def errors(self, *cells, cmake="log_test.cc gatelog_e2e(live 60)"):
        with tempfile.TemporaryDirectory() as root:
            files = {"docs/api-coverage.md": "# A\n## B\n\n| statement | tests |\n|---|---|\n" +
                                             "".join(f"| it is so | {cell} |\n" for cell in cells),
                     "a/log_test.cc": CPP, "a/live_test.py": PYTHON, "a/CMakeLists.txt": cmake}
            for path, text in files.items():
                file = pathlib.Path(root) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            return check_coverage.check(root)[0]

    def test_tests_that_are_there_pass(self):
        self.assertEqual([], self.errors(
            "`a/log_test.cc LogTest.Counts`, `a/log_test.cc OtherTest.IsLong`",
            "`a/live_test.py LiveTest.test_live`; `a/live_test.py LiveTest.test_shared`"))

    def test_what_is_not_there_fails(self):
        for cell in ["`a/none_test.cc LogTest.Counts`", "`a/log_test.cc LogTest.Count`", "`a/log_test.cc OtherTest.Counts`",
                     "`a/live_test.py LiveTest.test_other`", "`a/live_test.py LiveTest.helper`"]:
            with self.subTest(cell=cell):
                self.assertEqual(1, len(self.errors(cell)))

    def test_a_statement_without_a_test_fails(self):
        self.assertEqual(1, len(self.errors("")))
        self.assertEqual(2, len(self.errors("soon")))
        self.assertEqual(1, len(self.errors("`a/log_test.cc LogTest.Counts` and more")))
        self.assertEqual(1, len(self.errors()))

    def test_a_file_that_cmake_does_not_know_fails(self):
        self.assertEqual(1, len(self.errors("`a/log_test.cc LogTest.Counts`", cmake="other_log_test.cc")))
        self.assertEqual(1, len(self.errors("`a/live_test.py LiveTest.test_live`", cmake="gatelog_e2e(alive 60)")))


if __name__ == "__main__":
    unittest.main()
