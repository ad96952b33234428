import json
import threading

import pytest

from tests.engine.photos.test_decoding import bomb
from tests.ingestion.fakes import INFO, FakeEmbedder, Shop, photo_bytes
from vlclip.engine.errors import FingerprintMismatch, StoreUnavailable
from vlclip.engine.store.store import StoreInfo
from vlclip.ingestion.errors import CatalogueError, MappingError
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest, ingest_catalogue
from vlclip.service.settings import Settings

RED, BLUE = photo_bytes("red"), photo_bytes("blue")


def rewrite(catalogue, change):
    rows = [json.loads(line) for line in catalogue.read_text().splitlines()]
    catalogue.write_text("\n".join(map(json.dumps, filter(None, map(change, rows)))))


def adds_up(report):
    return (
        report.read == report.embedded + report.updated + report.unchanged + report.duplicates + report.failed
    )


def test_ingesting_twice_equals_ingesting_once_and_the_model_is_not_even_loaded(shop, catalogue):
    first = shop.ingest(catalogue)
    once = shop.points()
    assert (first.read, first.embedded, first.failed, len(once)) == (12, 12, 0, 12)
    second = shop.ingest(catalogue)
    assert shop.points() == once
    assert (second.read, second.embedded, second.unchanged) == (12, 0, 12)
    assert (shop.loads, shop.embedder.embedded) == (1, 12)


def test_a_point_says_what_made_it(shop, catalogue):
    shop.ingest(catalogue)
    payload, vector = shop.points()["sku-3"]
    assert payload["title"] == "Thing 3"
    assert payload["colour"] == "red"
    assert payload["image"] == "pics/3.jpg"
    provenance = payload["provenance"]
    assert provenance["fingerprint"] == INFO.fingerprint
    assert provenance["text"] == "Thing 3 red"
    assert len(provenance["content_hash"]) == 32
    assert any(vector[:4])
    assert any(vector[4:])


def test_an_item_without_a_photo_keeps_a_zero_image_segment(shop, catalogue):
    shop.ingest(catalogue)
    _, vector = shop.points()["sku-11"]
    assert vector[:4] == [0, 0, 0, 0]
    assert any(vector[4:])


@pytest.mark.parametrize("change", ["title", "price", "photo"])
def test_what_changed_is_embedded_again_and_nothing_else(shop, catalogue, change):
    shop.ingest(catalogue)
    before = shop.points()
    if change == "photo":
        (catalogue.parent / "pics" / "3.jpg").write_bytes(photo_bytes("white"))
    else:
        rewrite(catalogue, lambda row: row | ({change: 99} if row["id"] == "sku-3" else {}))
    report = shop.ingest(catalogue)
    assert (report.updated, report.embedded) == ((1, 0) if change == "price" else (0, 1))
    assert report.unchanged == 11
    after = shop.points()
    assert {item_id for item_id in before if before[item_id] != after[item_id]} == {"sku-3"}


def test_an_encoder_that_changed_is_refused_before_anything_is_written(shop, catalogue):
    shop.ingest(catalogue)
    before = shop.points()
    other = StoreInfo("other-0002", INFO.space, INFO.encoders)
    with shop.open() as (store, ledger), pytest.raises(FingerprintMismatch):
        ingest(
            IngestPlan(catalogue),
            Destination(store, ledger, other, lambda: FakeEmbedder(other)),
            shop.settings,
        )
    assert shop.points() == before


def test_a_model_that_is_not_the_announced_one_ends_the_run(shop, catalogue):
    other = StoreInfo("other-0002", INFO.space, INFO.encoders)
    shop.embedder = FakeEmbedder(other)
    with pytest.raises(FingerprintMismatch, match="did its files change"):
        shop.ingest(catalogue)
    assert shop.points() == {}


def fail_without_photo(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"ingest": settings.ingest.model_copy(update={"missing_photo": "fail"})}
    )


def test_every_bad_input_fails_alone_with_a_reason(shop, tmp_path, server):
    pics = {
        "good.jpg": RED,
        "corrupt.jpg": RED[:200],
        "bomb.png": bomb(30_000),
        "text.jpg": b"this is a text file",
        "empty.jpg": b"",
        "moving.gif": photo_bytes("white", format="GIF", save_all=True),
    }
    for name, content in pics.items():
        (tmp_path / name).write_bytes(content)
    server.serve("/ok.jpg", BLUE)
    rows = [
        {"id": "good", "title": "A", "image": "good.jpg"},
        {"id": "corrupt", "title": "A", "image": "corrupt.jpg"},
        {"id": "bomb", "title": "A", "image": "bomb.png"},
        {"id": "text", "title": "A", "image": "text.jpg"},
        {"id": "empty", "title": "A", "image": "empty.jpg"},
        {"id": "moving", "title": "A", "image": "moving.gif"},
        {"id": "absent", "title": "A", "image": "absent.jpg"},
        {"id": "404", "title": "A", "image": server.url("/nothing.jpg")},
        {"id": "url", "title": "A", "image": server.url("/ok.jpg")},
        {"title": "no id"},
        {"id": "twice", "title": "first", "image": "good.jpg"},
        {"id": "twice", "title": "second"},
        {"id": "long", "title": "x" * 10_000_000},
        {"id": "nan", "title": "A", "price": float("nan")},
        {"id": "abc", "title": "A", "price": "abc"},
        {"id": "inf", "title": "A", "price": float("inf")},
        {"id": "nothing"},
        {"id": "half", "title": "A\ud800"},
    ]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\nnot json\n")
    shop.settings = fail_without_photo(shop.settings)
    report = shop.ingest(file)
    assert set(shop.points()) == {"good", "moving", "url", "twice", "nan", "abc", "inf"}
    assert shop.points()["twice"][0]["title"] == "first"
    assert "price" not in shop.points()["nan"][0]
    reasons = shop.failures()
    assert reasons.keys() == {
        "corrupt", "bomb", "text", "empty", "absent", "404", "10", "twice", "long", "nothing",
        "18", "19",
    }  # fmt: skip
    for key, words in {
        "corrupt": "damaged", "bomb": "pixels", "text": "not an image", "empty": "it is empty",
        "absent": "no file at", "404": "answered 404", "10": "no id", "twice": "duplicate id",
        "long": "10,000,000", "nothing": "no photo, title or description", "18": "not JSON", "19": "not JSON",
    }.items():  # fmt: skip
        assert words in reasons[key], (key, reasons[key])
    assert report.failed == 12
    assert report.warnings == {
        "price is NaN; kept without a price": 1,
        "price 'abc' is no price that vlclip can read; kept without a price": 1,
        "price is infinite; kept without a price": 1,
    }
    assert adds_up(report)


def test_a_photo_on_a_private_address_is_refused_by_default(tmp_path, server):
    server.serve("/a.jpg", RED)
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"id": "1", "title": "A", "image": server.url("/a.jpg")}))
    shop = Shop(tmp_path / "store", Settings.load())
    assert shop.ingest(file).without_photo == 1
    assert "private networks" in shop.failures()["1"]
    assert server.requested == []


def test_an_unchanged_url_is_not_even_asked(shop, tmp_path, server):
    server.serve("/a.jpg", RED)
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"id": "1", "title": "A", "image": server.url("/a.jpg")}))
    shop.ingest(file)
    shop.ingest(file)
    assert server.requested == ["/a.jpg"]


@pytest.mark.parametrize("far_apart", [0, 50])
def test_of_two_rows_with_one_id_the_first_counts_and_equal_ones_are_counted(shop, tmp_path, far_apart):
    between = [{"id": f"x{n}", "title": "x"} for n in range(far_apart)]
    rows = [{"id": "1", "title": "A"}, *between, {"id": "1", "title": "A"}, {"id": "1", "title": "B"}]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    report = shop.ingest(file)
    assert (report.duplicates, report.failed) == (1, 1)
    assert shop.points()["1"][0]["title"] == "A"
    assert shop.failures() == {"1": "duplicate id: an earlier row has the id '1' and says something else"}
    assert adds_up(report)


def test_retrying_takes_up_failures_alone_and_a_success_drops_the_dead_letter(shop, catalogue):
    shop.settings = fail_without_photo(shop.settings)
    photo = catalogue.parent / "pics" / "3.jpg"
    content = photo.read_bytes()
    photo.unlink()
    rewrite(catalogue, lambda row: row | ({"popularity": "abc"} if row["id"] == "sku-5" else {}))
    assert shop.ingest(catalogue).failed == 2
    again = shop.ingest(catalogue, retry_failed=True)
    assert (again.read, again.total, again.embedded, again.failed) == (2, 2, 0, 2)
    photo.write_bytes(content)
    mended = shop.ingest(catalogue, retry_failed=True)
    assert (mended.read, mended.embedded, mended.failed) == (2, 1, 1)
    assert set(shop.failures()) == {"sku-5"}
    with shop.open() as (_, ledger):
        assert ledger.dead_letters.latest()[0].attempts == 3


def test_a_second_row_of_an_id_that_was_made_equal_to_the_first_is_no_dead_letter(shop, tmp_path):
    file = tmp_path / "items.jsonl"
    rows = [{"id": "a", "title": title} for title in ("one", "two")]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert shop.ingest(file).failed == 1
    file.write_text("\n".join(map(json.dumps, [rows[0], rows[0]])))
    mended = shop.ingest(file, retry_failed=True)
    assert (mended.read, mended.duplicates) == (1, 1)
    assert shop.failures() == {}


def test_a_failed_item_that_was_stored_before_keeps_its_old_point(shop, catalogue):
    shop.ingest(catalogue)
    before = shop.points()
    (catalogue.parent / "pics" / "3.jpg").unlink()
    assert shop.ingest(catalogue).failed == 1
    assert shop.points() == before


def test_a_dead_letter_goes_when_its_row_leaves_the_catalogue(shop, catalogue):
    (catalogue.parent / "pics" / "3.jpg").unlink()
    shop.ingest(catalogue)
    rewrite(catalogue, lambda row: None if row["id"] == "sku-3" else row)
    shop.ingest(catalogue)
    assert shop.failures() == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt, StoreUnavailable("gone")])
def test_interrupted_and_resumed_equals_never_interrupted(shop, catalogue, tmp_path, error):
    def interrupt(report):
        if report.read >= 4:
            raise error

    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        shop.ingest(catalogue, progress=interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ingest")]
    with shop.open() as (_, ledger):
        assert ledger.runs()[0].status == ("failed" if isinstance(error, Exception) else "interrupted")
    assert 4 <= len(shop.points()) < 12
    report = shop.ingest(catalogue)
    assert 0 < report.unchanged < 12
    other = Shop(tmp_path / "other", shop.settings)
    other.ingest(catalogue)
    assert shop.points() == other.points()


def test_a_model_that_breaks_ends_the_run_and_keeps_what_was_stored(shop, catalogue):
    def break_down():
        if shop.embedder.embedded >= 4:
            raise RuntimeError("out of memory")

    shop.embedder.before = break_down
    with pytest.raises(RuntimeError, match="out of memory"):
        shop.ingest(catalogue)
    shop.embedder.before = lambda: None
    assert shop.ingest(catalogue).embedded + 4 >= 12
    assert len(shop.points()) == 12


def test_a_vector_that_is_nan_fails_its_item_alone(shop, catalogue):
    plain = shop.embedder.embed_items

    def spoil(photos, texts, ids=()):
        vectors = plain(photos, texts, ids)
        vectors[[text == "Thing 3 red" for text in texts]] = float("nan")
        return vectors

    shop.embedder.embed_items = spoil
    assert shop.ingest(catalogue).failed == 1
    assert "NaN" in shop.failures()["sku-3"]


def test_a_run_that_has_ended_has_done_all_that_it_expected(shop, tmp_path):
    lines = ["Handle,Title,Variant SKU,Variant Price,Image Src,Image Position", "hat,Hat,H-1,5,,1"]
    (tmp_path / "shop.csv").write_text("\n".join([*lines, "hat,,,,b.jpg,2", "hat,,,,c.jpg,3", ""]))
    reports = []
    report = shop.ingest(tmp_path / "shop.csv", progress=reports.append)
    assert reports[0].total == 3
    assert (report.read, report.total) == (1, 1)


def test_progress_is_told_from_the_start_to_the_end(shop, catalogue):
    reports = []
    report = shop.ingest(catalogue, progress=reports.append)
    assert reports[0].read == 0
    assert reports[0].total == 12
    assert reports[0].mapping[0] == "id           ← id"
    assert [state.read for state in reports] == [0, 4, 8, 12, 12]
    assert reports[-1] == report
    assert report.items_per_second > 0


def test_a_mapping_can_be_given(shop, catalogue):
    shop.ingest(catalogue, mapping=["title=colour", "image="])
    payload, vector = shop.points()["sku-3"]
    assert payload["title"] == "red"
    assert vector[:4] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("options", "error"), [({"mapping": ["title=nope"]}, MappingError), ({}, CatalogueError)]
)
def test_a_catalogue_that_cannot_be_read_leaves_no_run(shop, catalogue, options, error):
    with pytest.raises(error):
        shop.ingest(catalogue if options else catalogue.parent / "missing.csv", **options)
    with shop.open() as (_, ledger):
        assert ledger.runs() == []


def test_a_ledger_in_memory_will_do(shop, catalogue):
    ledger = Ledger(None)
    with shop.open() as (store, _):
        destination = Destination(store, ledger, INFO, shop.load)
        assert ingest(IngestPlan(catalogue), destination, shop.settings).embedded == 12
    ledger.close()


def test_one_call_opens_and_closes_what_the_settings_name_and_reports_the_dead_letters(
    tiny_clip, tmp_path, catalogue
):
    (catalogue.parent / "pics" / "3.jpg").write_bytes(b"no photo")
    settings = Settings.load(store=str(tmp_path / "named"), clip=str(tiny_clip), device="cpu")
    reports = []
    report = ingest_catalogue(catalogue, settings, mapping=["brand=colour"], progress=reports.append)
    assert (report.read, report.embedded, report.without_photo, report.failed) == (12, 12, 1, 0)
    assert report.dead_letters == 1
    assert [letter.item_id for letter in report.latest_dead_letters] == ["sku-3"]
    assert reports[-1] == report
    (catalogue.parent / "pics" / "3.jpg").write_bytes(RED)
    mended = ingest_catalogue(catalogue, settings, mapping=["brand=colour"], retry_failed=True)
    assert (mended.read, mended.embedded, mended.dead_letters) == (1, 1, 0)
    assert mended.latest_dead_letters == ()


def test_a_text_in_a_field_of_numbers_is_counted_in_a_note(shop, tmp_path):
    file = tmp_path / "items.jsonl"
    file.write_text("".join(json.dumps({"id": str(n), "title": "Shoe", "size": n}) + "\n" for n in range(4)))
    assert shop.ingest(file).warnings == {}
    file.write_text(
        "".join(json.dumps({"id": f"t{n}", "title": "Shoe", "size": "M"}) + "\n" for n in range(2))
    )
    report = shop.ingest(file)
    assert list(report.warnings.values()) == [2]
    assert next(iter(report.warnings)).startswith("size holds numbers in this store")
