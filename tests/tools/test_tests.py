"""The tests tool on real suites in the real sandbox."""

from __future__ import annotations

import compileall
import os
import sys
import time
from pathlib import Path

import pytest

from revet.schema import Outcome
from revet.tools.guest import limits_for
from revet.tools.trace import trace

from .bench import PYTEST, facts
from .conftest import MakeBench

pytestmark = pytest.mark.sandbox

SHOP = """\
    def add(a, b):
        return a - b

    def boom(items):
        return items[3]

    def forever(n):
        while n:
            n = n
        return 0
    """
SUITE = """\
    import pytest
    from shop import add, boom, forever

    def test_add():
        print("adding")
        assert add(1, 2) == 3

    @pytest.mark.parametrize("a", [0, "x/y [z]", "ü"])
    def test_odd_ids(a):
        assert a is not None

    def test_boom():
        boom([])

    def test_forever():
        assert forever(1) == 0

    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass

    @pytest.mark.xfail(reason="known")
    def test_known():
        assert False

    class TestIn:
        def test_method(self):
            assert add(2, 0) == 2
    """


async def test_pytest_is_taken_apart(bench: MakeBench) -> None:
    ws = await bench({"shop.py": SHOP, "tests/test_shop.py": SUITE}, test_timeout=1.0)
    evidence = await ws.run()
    found = facts(evidence)
    assert evidence.outcome is Outcome.failed
    assert found.complete and found.collected == 9 and found.exit_code == 1
    assert found.counts == {"failed": 2, "passed": 4, "timeout": 1, "skipped": 1, "xfailed": 1}
    add, boom = found.by_id["tests/test_shop.py::test_add"], found.by_id["tests/test_shop.py::test_boom"]
    assert (add.actual, add.expected, add.path, add.line) == ("-1", "3", "tests/test_shop.py", 6)
    assert "where -1 = add(1, 2)" in add.message and add.stdout == "adding\n"
    assert (boom.exception, boom.path, boom.line) == ("IndexError", "shop.py", 5)
    assert "tests/test_shop.py::test_odd_ids[x/y [z]]" in found.by_id
    assert found.by_id["tests/test_shop.py::test_forever"].outcome == "timeout"
    assert found.files.tests == ("tests/test_shop.py",)
    assert found.integrity == ()
    assert evidence.observation.startswith("failed: ") and len(evidence.observation) < 9000
    assert "expected: 3" in evidence.observation


async def test_a_good_draft_passes(bench: MakeBench) -> None:
    files = {
        "shop.py": SHOP,
        "test_shop.py": "from shop import add\ndef test_add():\n    assert add(1, 2) == 3\n",
    }
    ws = await bench(files)
    evidence = await ws.judged({"shop.py": SHOP.replace("a - b", "a + b")})
    assert evidence.outcome is Outcome.passed, evidence.observation
    assert evidence.changes is not None and evidence.check == ws.check.id and evidence.required


@pytest.mark.parametrize(
    ("command", "files", "outcome", "words"),
    [
        (PYTEST, {"test_a.py": "import nothing_like_it\n"}, Outcome.error, "could not be collected"),
        (PYTEST, {"test_a.py": "def test_a(:\n"}, Outcome.error, "SyntaxError"),
        (PYTEST, {"a.py": ""}, Outcome.error, "no tests ran"),
        (PYTEST + " --bogus", {"test_a.py": "def test_a(): pass\n"}, Outcome.error, "unrecognized arguments"),
        (PYTEST + " nowhere", {"a.py": ""}, Outcome.error, "not found"),
        ("python -m unittest", {"a.py": ""}, Outcome.error, "no tests ran"),
        ("python -m unittest nothing", {"a.py": ""}, Outcome.error, "No module named 'nothing'"),
        ("true && test -f a.py", {"a.py": ""}, Outcome.passed, "exit status 0 (judged by its exit status alone)"),
        ("echo wrong >&2; exit 3", {"a.py": ""}, Outcome.failed, "wrong"),
        ("no-such-program", {"a.py": ""}, Outcome.failed, "not found"),
        ("python -c 'import pytest, sys'", {"a.py": ""}, Outcome.passed, "exit status 0"),
        ("python gone.py", {"a.py": ""}, Outcome.failed, "gone.py"),
        (
            "python a.py 3",
            {"a.py": "import sys\nassert sys.argv[1] == '3'\nsys.exit(0)\n"},
            Outcome.passed,
            "1 passed",
        ),
        ("python a.py", {"a.py": "assert [1] == [2], 'no'\n"}, Outcome.failed, "expected: [2]"),
        (
            "X=1 pytest -q -p no:cacheprovider -x -n 2",
            {"test_a.py": "def test_a(): pass\n"},
            Outcome.passed,
            "1 passed",
        ),
    ],
)
async def test_other_commands(
    bench: MakeBench, command: str, files: dict[str, str], outcome: Outcome, words: str
) -> None:
    ws = await bench(files, command)
    evidence = await ws.run()
    assert evidence.outcome is outcome, evidence.observation
    assert words in evidence.observation


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("cd sub && pytest -q", 1),
        ("cd sub && python run.py", 1),
        ("pytest -q test_[ab]*.py sub/test_*.py -p no:cacheprovider", 3),
        ("pytest -q 'test_*.py'", 0),
        ("python -W error -m pytest -q test_a.py", 1),
        (".venv/bin/python -m pytest -q test_b.py", 1),
        ("cd sub && ../.venv/bin/pytest", 1),
    ],
)
async def test_ways_of_writing_a_check(bench: MakeBench, command: str, count: int) -> None:
    test = "import shop\ndef test_it(): assert shop.add(1, 2) == 3\n"
    shop = "def add(a, b):\n    return a + b\n"
    files = {
        "shop.py": shop,
        "test_a.py": test,
        "test_b.py": test,
        "conftest.py": "",
        "sub/test_c.py": "def test_it(): pass\n",
    }
    files |= {"sub/run.py": "import sys\nassert sys.argv[0] == 'run.py'\n"}
    environment = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 "
    *folder, words = command.partition("&& ") if "&&" in command else ("", command)
    ws = await bench(files, "".join(folder) + environment + words)
    (ws.root / ".venv" / "bin").mkdir(parents=True)
    (ws.root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (ws.root / ".venv" / "pyvenv.cfg").write_text(Path(sys.prefix, "pyvenv.cfg").read_text())
    (ws.root / ".venv" / "lib").symlink_to(Path(sys.prefix, "lib"))
    evidence = await ws.run()
    found = facts(evidence)
    assert (len(found.tests), found.kind == "command") == (count, False), evidence.observation
    assert (evidence.outcome is Outcome.passed) is bool(count), evidence.observation
    if count == 1 and "sub" in command:
        assert found.files.tests[0].startswith("sub/")


async def test_no_limit_is_a_day(bench: MakeBench) -> None:
    view = (await bench({"test_a.py": ""})).view()
    assert limits_for(view, float("inf"), None).wall_seconds == 24 * 3600


async def test_unittest_is_taken_apart(bench: MakeBench) -> None:
    suite = """\
        import unittest
        from shop import add

        class T(unittest.TestCase):
            def test_equal(self):
                self.assertEqual(add(1, 2), 3)

            def test_bare(self):
                assert add(1, 0) == 2

            def test_parts(self):
                for n in range(4):
                    with self.subTest(n=n):
                        self.assertEqual(add(n, 0), min(n, 2))

            @unittest.skip("no")
            def test_skipped(self): pass

            @unittest.expectedFailure
            def test_known(self):
                self.fail("x")

            def test_good(self):
                self.assertEqual(add(1, 0), 1)

            def test_hangs(self):
                while True:
                    pass
        """
    command = "python -m unittest discover -s tests -t ."
    ws = await bench({"shop.py": SHOP, "tests/__init__.py": "", "tests/test_shop.py": suite}, command, test_timeout=0.5)
    found = facts(await ws.run())
    assert found.counts == {"failed": 3, "skipped": 1, "xfailed": 1, "passed": 1, "timeout": 1}
    equal = found.by_id["tests.test_shop.T.test_equal"]
    assert (equal.actual, equal.expected, equal.path, equal.line) == ("-1", "3", "tests/test_shop.py", 6)
    bare = found.by_id["tests.test_shop.T.test_bare"]
    assert (bare.actual, bare.expected) == ("1", "2")
    assert found.files.tests == ("tests/test_shop.py",)


async def test_the_whole_check_has_a_limit(bench: MakeBench) -> None:
    suite = "import time\ndef test_a(): time.sleep(60)\ndef test_b(): pass\n"
    ws = await bench({"test_a.py": suite}, test_timeout=60)
    start = time.monotonic()
    evidence = await ws.run(ws.view(timeout=2.0))
    assert evidence.outcome is Outcome.timeout
    assert time.monotonic() - start < 10
    assert facts(evidence).by_id["test_a.py::test_a"].outcome == "timeout"
    assert "in test_a.py::test_a" in evidence.observation


async def test_a_flood_is_bounded(bench: MakeBench) -> None:
    suite = "import os\ndef test_a():\n    while True: os.write(1, b'x' * 65536)\n"
    ws = await bench({"test_a.py": suite}, PYTEST + " -s")
    evidence = await ws.run()
    assert evidence.outcome is not Outcome.passed
    assert len(evidence.observation) < 9000


async def test_a_test_that_swallows_its_interruption(bench: MakeBench) -> None:
    suite = """\
        def test_a():
            while True:
                try:
                    while True: pass
                except BaseException: pass

        def test_b(): pass
        """
    ws = await bench({"test_a.py": suite}, test_timeout=0.3)
    evidence = await ws.run()
    assert evidence.outcome is Outcome.failed
    assert facts(evidence).by_id["test_a.py::test_a"].outcome == "timeout"


async def test_pytest_is_missing(bench: MakeBench) -> None:
    ws = await bench({"test_a.py": "def test_a(): pass\n"}, "pytest -q", own_python=True)
    evidence = await ws.run()
    assert evidence.outcome is Outcome.error
    assert "pip install pytest" in evidence.observation


async def test_many_failures_stay_bounded(bench: MakeBench) -> None:
    suite = "import pytest\n@pytest.mark.parametrize('n', range(200))\ndef test_a(n):\n    assert n == [n] * 40\n"
    evidence = await (await bench({"test_a.py": suite})).run()
    assert facts(evidence).counts == {"failed": 200}
    assert len(evidence.observation) < 9000 and "also failing" in evidence.observation
    assert sum(1 for test in facts(evidence).tests if test.traceback) == 40


async def test_a_modules_stale_bytecode_is_not_used(bench: MakeBench) -> None:
    suite = "from shop import add\ndef test_add(): assert add(1, 2) == 3\n"
    ws = await bench({"shop.py": "def add(a, b): return a + b\n", "test_shop.py": suite})
    source = ws.root / "shop.py"
    compileall.compile_file(str(source), quiet=1)
    stamp = source.stat().st_mtime
    source.write_text("def add(a, b): return a - b\n")
    os.utime(source, (stamp, stamp))
    assert (await ws.run()).outcome is Outcome.failed


@pytest.mark.parametrize("command", [PYTEST, "python -m unittest discover", "python check.py"])
async def test_lines_are_traced(bench: MakeBench, command: str) -> None:
    shop = """\
        LIMIT = 3

        def clamp(n):
            if n > LIMIT:
                return LIMIT
            return n

        def forever():
            n = 1
            while True:
                n += 1
        """
    suite = """\
        import unittest
        from shop import clamp, forever

        class TestShop(unittest.TestCase):
            def test_low(self):
                self.assertEqual(clamp(1), 1)

            def test_high(self):
                self.assertEqual(clamp(9), 4)

            def test_forever(self):
                forever()
        """
    script = "from shop import clamp\nassert clamp(1) == 1\nassert clamp(9) == 4\n"
    ws = await bench({"shop.py": shop, "test_shop.py": suite, "check.py": script}, command)
    found = await trace(ws.view(), ws.check, test_timeout=0.5)
    assert found.complete
    by_name = {t.id.rpartition("::")[2].rpartition(".")[2]: t for t in found.tests}
    if command.endswith("check.py"):
        assert by_name["script"].lines["shop.py"] == (1, 3, 4, 5, 6, 8)
        return
    assert by_name["test_low"].lines == {"shop.py": (4, 6)} and by_name["test_low"].passed
    assert by_name["test_high"].lines == {"shop.py": (4, 5)} and not by_name["test_high"].passed
    assert set(by_name["test_forever"].lines["shop.py"]) == {9, 10, 11}
    assert by_name["test_forever"].outcome == "timeout"
    assert found.imported == {"shop.py": (1, 3, 8)}
