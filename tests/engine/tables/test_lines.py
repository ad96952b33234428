"""Lines in portions are the lines one by one, however they lie in the chunks that are read."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.tables import lines as module
from vlclip.engine.tables.lines import lines_of, portions_of_lines


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    st.booleans(),
    st.integers(1, 5),
    st.integers(1, 30),
)
def test_portions_hold_every_line_once_and_one_that_is_too_long_costs_itself_alone(
    lines, is_ended, size, chunk
):
    text = b"\n".join(lines) + b"\n" * is_ended
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_ROW", 8)
        patch.setattr(module, "_CHUNK", min(chunk, 7))
        alone = [(number, line and line.removesuffix(b"\n")) for number, line in lines_of(BytesIO(text))]
        portions = list(portions_of_lines(BytesIO(text), size))
    assert [line for portion in portions for line in portion] == alone
    assert [len(portion) for portion in portions[:-1]] == [size] * (len(portions) - 1)
