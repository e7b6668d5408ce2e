"""Fails when docs/api-coverage.md has a statement without a test, or names a test that is not there or never run.

A test is named in backquotes, `FILE Suite.Test`: of GoogleTest, or of Python's unittest. Standard library only.
  check_coverage.py [ROOT]   default: the repository this file is in
"""

import ast
import pathlib
import re
import sys

PAGE = "docs/api-coverage.md"
REFERENCE = re.compile(r"`([\w./-]+\.(?:cc|py)) (\w+)\.(\w+)`")


def rows(text):
    """(heading, statement, the cell of its tests) of every row of the page's tables."""
    heading, in_table = "", False
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if not cells:
            in_table = False
        elif set(cells[0]) <= set("-: "):
            in_table = True
        elif in_table:
            yield heading, cells[0], cells[-1] if len(cells) > 1 else ""


def python_tests(source):
    """"Suite.test" of a file, those included that a class has from another class of the file."""
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}

    def methods(name):
        if name not in classes:
            return set()
        own = {item.name for item in classes[name].body if isinstance(item, ast.FunctionDef)}
        return own.union(*(methods(base.id) for base in classes[name].bases if isinstance(base, ast.Name)))

    return {f"{name}.{method}" for name in classes for method in methods(name) if method.startswith("test_")}


def cpp_tests(source):
    found = re.findall(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", source, re.M)
    return {f"{suite}.{test}" for suite, test in found}


def registered(root, path):
    """Whether a CMakeLists.txt of the file's folder, or of one that it lies in, names it: by its file, or by its stem as
    gatelog_e2e() takes it."""
    for folder in path.relative_to(root).parents:
        cmake = root / folder / "CMakeLists.txt"
        words = re.findall(r"[\w./-]+", cmake.read_text(encoding="utf-8")) if cmake.is_file() else []
        names = {word.rsplit("/", 1)[-1] for word in words}
        if path.name in names or (path.suffix == ".py" and path.stem.removesuffix("_test") in names):
            return True
    return False


def problem_of(root, file, suite, test):
    """A sentence, or None when the test is there."""
    path = root / file
    if not path.is_file():
        return f"{file} is not there"
    source = path.read_text(encoding="utf-8")
    tests = cpp_tests(source) if path.suffix == ".cc" else python_tests(source)
    if f"{suite}.{test}" not in tests:
        return f"{file} has no test {suite}.{test}"
    if not registered(root, path):
        return f"no CMakeLists.txt names {file}, so its tests are not run"
    return None


def check(root):
    root = pathlib.Path(root)
    errors, statements, named = [], 0, set()
    for heading, statement, cell in rows((root / PAGE).read_text(encoding="utf-8")):
        statements += 1
        references = REFERENCE.findall(cell)
        if not references:
            errors.append(f"{heading}: no test is named for '{statement}'")
        if REFERENCE.sub("", cell).strip(" ,;"):
            errors.append(f"{heading}: '{cell}' is not a list of tests")
        named.update(references)
    errors += filter(None, (problem_of(root, *reference) for reference in sorted(named)))
    if not statements:
        errors.append(f"{PAGE} has no statements")
    return errors, statements, len(named)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    errors, statements, tests = check(root)
    for error in errors:
        print(f"error: {error}")
    print(f"{statements} statements, {tests} tests, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
