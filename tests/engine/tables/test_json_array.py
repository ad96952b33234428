"""Where the records of a JSON file lie."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import TableError
from vlclip.engine.tables.json_array import KEYS, Json

HATS = [{"id": "1", "title": "Hat"}, {"id": "2", "title": "Cap"}]


def rows(path, content):
    file = path / "items.json"
    file.write_text(json.dumps(content))
    return [dict(row.values) for row in Json(file).rows()]


@given(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=4), st.booleans())
def test_records_are_found_under_the_usual_keys_however_deep(tmp_path_factory, keys, has_more):
    content = HATS
    for key in keys:
        content = {"took": 3, "ads": [{"name": "x"}], key: content} if has_more else {key: content}
    assert rows(tmp_path_factory.mktemp("json"), content) == HATS


def test_what_search_engines_and_graphql_put_around_a_record_is_taken_off(tmp_path):
    hits = {"hits": {"hits": [{"_id": hat["id"], "_source": hat} for hat in HATS]}}
    assert rows(tmp_path, hits) == [{"_id": hat["id"], **hat} for hat in HATS]
    edges = {"data": {"products": {"edges": [{"node": hat} for hat in HATS]}}}
    assert rows(tmp_path, edges) == HATS


def test_an_object_that_describes_itself_is_one_record(tmp_path):
    hat = {"id": "1", "photos": [{"src": "a.jpg"}]}
    assert rows(tmp_path, hat) == [hat]


def test_two_arrays_under_other_keys_are_refused(tmp_path):
    with pytest.raises(TableError, match="not a JSON array of objects"):
        rows(tmp_path, {"red": HATS, "blue": HATS})
