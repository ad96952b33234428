"""What the facets of a form are, whatever a shop system writes into its rows."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from vlclip.service.page.facets import FIRST_FIELDS, MAX_FACETS, Facets

CHOICES = ("size", "material", "gender", "scent")
"""Names by which shoppers choose."""
OTHERS = ("attribute_set", "category_path", "batch", "aisle", "box", "crate", "depot", "zone")
VALUES = st.dictionaries(st.text("abc", min_size=1), st.integers(2, 9), min_size=2, max_size=5)


def facets_of(counts: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """The facets of a store whose fields have these values."""
    store = SimpleNamespace(
        fields=lambda: dict.fromkeys(counts, "keyword"), facet=lambda name, limit: counts[name]
    )
    return Facets(store).get()


@given(st.fixed_dictionaries(dict.fromkeys((*CHOICES, *OTHERS, *FIRST_FIELDS[:2]), VALUES)))
def test_what_shoppers_choose_by_is_offered_before_what_is_only_kept(counts):
    names = list(facets_of(counts))
    assert len(names) == MAX_FACETS
    assert names[:2] == list(FIRST_FIELDS[:2])
    assert set(names[2:]) == set(CHOICES)


@given(
    st.dictionaries(st.text("abc", min_size=1), st.just(1), min_size=2, max_size=5),
    st.lists(st.sampled_from("abc"), min_size=2, max_size=3, unique=True),
    VALUES,
)
def test_what_names_single_items_or_photos_or_is_of_the_shop_system_is_not_offered(single, names, values):
    photos = {f"/w/b/{name}.jpg": 4 for name in names}
    counts = {"variations": single, "small_image": photos, "url_key": values, "visibility": values}
    assert list(facets_of(counts | {"size": values})) == ["size"]
