"""Arbitrary bytes as code, input, file names and output: they come through as they are, or are clearly refused."""

from __future__ import annotations

import base64
import os
import sys
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.sandboxes.base import ExecVerdict, Session
from tests.sandboxes.conformance.running import LONG, shell, snippet

modest = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])

LINES = st.lists(
    st.sampled_from(["x = 1", "print(x)", "if x:", "  y", "raise", "result = data", "def f(): pass", "f()"])
)
CODE = st.one_of(st.binary(max_size=200), st.text(max_size=100), LINES.map("\n".join))
NAMES = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=60),
    st.lists(st.sampled_from(["a", "..", ".", "pkg", "a.txt", "", " ", "☃", ".revet"]), min_size=1).map("/".join),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@modest
@given(code=CODE)
async def test_any_code_comes_to_a_result(session: Session, code: str | bytes) -> None:
    ended = await snippet(session, code, 1, limits=LONG.model_copy(update={"wall_seconds": 20.0}))
    assert ended.verdict in (ExecVerdict.ok, ExecVerdict.exception), ended
    assert (ended.error is None) == ended.ok
    whole = code.encode("utf-8", "surrogatepass") if isinstance(code, str) else code
    try:
        compile(whole, "<code>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        assert not ended.ok


@modest
@given(text=st.binary(max_size=3000))
async def test_any_input_arrives_and_any_output_comes_back(session: Session, text: bytes) -> None:
    assert (await shell(session, "cat; cat >&2", stdin=text)).stdout == text
    code = (
        "import sys, os\nb = sys.stdin.buffer.read()\nos.write(1, b)\nsys.stderr.buffer.write(b[::-1])\nresult = len(b)"
    )
    ended = await snippet(session, code, stdin=text)
    assert (ended.stdout, ended.stderr, ended.value) == (text, text[::-1], len(text))


@modest
@given(value=JSON)
async def test_any_json_goes_in_and_comes_out(session: Session, value: Any) -> None:
    ended = await snippet(session, "result = data", value)
    assert ended.ok and ended.value == value and type(ended.value) is type(value)


@modest
@given(words=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=5))
async def test_any_words_arrive(session: Session, words: list[str]) -> None:
    source = "import sys, os; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    ended = await session.exec([sys.executable, "-I", "-S", "-c", source, *words], limits=LONG)
    assert ended.stdout == "\0".join(words).encode()


@modest
@given(name=NAMES, content=st.binary(max_size=200))
@example(name="-", content=b"\0")
async def test_any_name_is_written_and_read_back_or_refused(session: Session, name: str, content: bytes) -> None:
    try:
        await session.write(name, content)
    except InputError:
        return
    assert await session.read(name) == content
    folder, _, last = ("./" + os.path.normpath(name)).rpartition("/")
    listed = [entry.name for entry in await session.list(folder)]
    assert last in listed or not last.isprintable()
    # A plain `-` would be the standard input.
    ended = await session.exec(["cat", "--", "./" + os.path.normpath("./" + name)], limits=LONG)
    assert ended.stdout == content, ended.stderr


@modest
@given(name=st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name))
async def test_any_name_that_a_program_makes_is_kept_or_refused(session: Session, name: bytes) -> None:
    source = f"import base64, os\nname = base64.b64decode({base64.b64encode(name)!r})\n"
    source += "try: os.close(os.open(name, os.O_CREAT | os.O_WRONLY))\nexcept OSError: raise SystemExit(9)"
    ended = await session.exec([sys.executable, "-I", "-S", "-c", source], keep=True, limits=LONG)
    listed = [entry.name for entry in await session.list()]
    assert all(entry.isprintable() for entry in listed)
    if ended.exit_code == 0 and not ended.refused and ended.touched:
        assert name.decode() in listed or not name.decode().isprintable()
    else:
        assert name not in [entry.encode() for entry in listed] or not ended.touched
