"""What is given anywhere in a catalogue is stored or named."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlclip.ingestion.reading import survey
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns

LATE = survey.SAMPLE + 5


def items(path, *options):
    catalogue = open_catalogue(path)
    columns = map_columns(catalogue, options)
    return {entry.id: entry for entry in catalogue.entries(columns)}, columns


def late_rows(count=LATE, **values):
    rows = [{"id": str(n), "name": f"Thing {n}"} for n in range(count)]
    return [*rows, *({"id": f"late-{n}", "name": "Late", **values} for n in range(3))]


@pytest.mark.parametrize("kind", ["jsonl", "json", "folder"])
def test_columns_first_seen_late_are_mapped_by_the_same_guesses(tmp_path, kind):
    rows = late_rows(image="late.jpg", colour="red", availability="out of stock")
    if kind == "json":
        file = tmp_path / "items.json"
        file.write_text(json.dumps(rows))
    elif kind == "jsonl":
        file = tmp_path / "items.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
    else:
        file = tmp_path
        for n, shard in enumerate((rows[:LATE], rows[LATE:])):
            (file / f"part-{n}.jsonl").write_text("\n".join(map(json.dumps, shard)))
    entries, columns = items(file)
    item = entries["late-0"].item
    assert (item.image, item.available, item.attributes) == ("late.jpg", False, {"colour": "red"})
    assert {"image", "available"} <= set(columns.fields)
    assert open_catalogue(file).total() == len(rows)


def test_a_late_column_does_not_take_a_field_from_an_early_one(tmp_path):
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(map(json.dumps, late_rows(title="Better", brand="Acme"))))
    entries, _ = items(file)
    assert entries["3"].item.title == "Thing 3"
    late = entries["late-0"].item
    assert (late.title, late.brand, late.attributes) == ("Late", "Acme", {"title_": "Better"})


def test_photos_beside_the_catalogue_stay_the_photos_though_a_late_column_names_others(tmp_path):
    (tmp_path / "3.jpg").write_bytes(b"x")
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(map(json.dumps, late_rows(image="late.jpg"))))
    entries, _ = items(file)
    assert entries["3"].item.image == "3.jpg"
    assert entries["late-0"].item.attributes == {"image_": "late.jpg"}


def test_a_column_that_stops_being_numeric_is_text_everywhere(tmp_path):
    file = tmp_path / "items.csv"
    sizes = [*(str(36 + n % 5) for n in range(LATE)), "M", "XL"]
    file.write_text("id,size,stock\n" + "".join(f"{n},{size},{n}\n" for n, size in enumerate(sizes)))
    entries, _ = items(file)
    assert [entry.item.attributes["size"] for entry in entries.values()] == sizes
    assert entries["3"].item.attributes["stock"] == 3
    assert not any(entry.warnings for entry in entries.values())


def test_values_in_columns_beyond_the_limit_are_counted_in_a_note(tmp_path, monkeypatch):
    for module in ("survey", "catalogue"):
        monkeypatch.setattr(f"vlclip.ingestion.reading.{module}.MAX_COLUMNS", 10)
    file = tmp_path / "items.jsonl"
    rows = late_rows()
    for n, row in enumerate(rows[LATE:]):
        row |= {f"column {n} {k}": "x" for k in range(8)}
    file.write_text("\n".join(map(json.dumps, rows)))
    entries, _ = items(file)
    assert len(entries["late-0"].item.attributes) == 8
    assert entries["late-0"].warnings == ()
    assert entries["late-1"].item.attributes == {}
    assert "beyond the first 10" in entries["late-1"].warnings[0]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(*[st.sampled_from(["", "7", "007", "4.5", "M", 'a "5"', "a,b", "two\nlines"])] * 3),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 12),
    st.sampled_from([",", "\t"]),
)
def test_every_value_of_a_csv_is_stored(tmp_path_factory, rows, sample, delimiter):
    file = tmp_path_factory.mktemp("late") / "items.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerows([("id", "size", "weight", "fit"), *((str(n), *row) for n, row in enumerate(rows))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "SAMPLE", sample)
        entries, _ = items(file)
    for n, row in enumerate(rows):
        entry = entries[str(n)]
        attributes = {name: str(value) for name, value in entry.item.attributes.items()}
        assert attributes == {k: v for k, v in zip(("size", "weight", "fit"), row, strict=True) if v}
        assert entry.warnings == ()


@pytest.mark.parametrize("late", ["M", ["M", "L"], True])
def test_a_column_of_a_typed_file_that_stops_being_numeric_is_text_everywhere(tmp_path, late):
    file = tmp_path / "items.jsonl"
    rows = [*({"id": n, "size": n} for n in range(LATE)), {"id": "late", "size": late}]
    file.write_text("\n".join(map(json.dumps, rows)))
    entries, _ = items(file)
    assert entries["7"].item.attributes == {"size": "7"}
    assert not any(entry.warnings for entry in entries.values())


def test_offers_and_attributes_are_objects_though_the_first_rows_have_none(tmp_path):
    file = tmp_path / "items.jsonl"
    early = [{"id": n, "offers": "", "attributes": ""} for n in range(LATE)]
    offers, attributes = [{"price": 7, "priceCurrency": "EUR"}], '{"fit": "slim"}'
    rows = [*early, {"id": "late", "offers": offers, "attributes": attributes}]
    file.write_text("\n".join(map(json.dumps, rows)))
    entries, _ = items(file)
    item = entries["late"].item
    assert (item.price, item.currency, item.attributes) == (7.0, "EUR", {"fit": "slim"})
