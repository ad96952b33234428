import json

import pytest

from tests.ingestion.fakes import Shop
from vlclip.ingestion.errors import CatalogueError


@pytest.fixture
def shrink(catalogue):
    lines = catalogue.read_text().splitlines()

    def to(count, *extra):
        catalogue.write_text("\n".join([*lines[:count], *extra]))

    return to


def test_what_left_the_catalogue_is_deleted_and_only_when_asked(shop, catalogue, shrink):
    shop.ingest(catalogue)
    shrink(9)
    assert shop.ingest(catalogue).deleted == 0
    assert len(shop.points()) == 12
    report = shop.ingest(catalogue, prune=True)
    assert (report.deleted, report.unchanged, report.prune_refused) == (3, 9, "")
    assert set(shop.points()) == {f"sku-{n}" for n in range(9)}


def test_pruning_equals_ingesting_into_an_empty_store(shop, catalogue, shrink, tmp_path):
    shop.ingest(catalogue)
    shrink(8, json.dumps({"id": "new", "title": "New"}))
    shop.ingest(catalogue, prune=True)
    pruned = shop.points()
    fresh = Shop(tmp_path / "fresh", shop.settings)
    fresh.ingest(catalogue)
    assert fresh.points() == pruned


def test_more_than_half_is_deleted_only_by_force(shop, catalogue, shrink):
    shop.ingest(catalogue)
    shrink(5)
    report = shop.ingest(catalogue, prune=True)
    assert report.deleted == 0
    assert "7 of 12 items would be deleted, more than half" in report.prune_refused
    assert len(shop.points()) == 12
    assert shop.ingest(catalogue, prune=True, force_prune=True).deleted == 7


def test_rows_without_a_readable_id_may_be_items_so_nothing_is_deleted(shop, catalogue, shrink):
    shop.ingest(catalogue)
    shrink(10, "{not json")
    for options in ({}, {"retry_failed": True}):
        report = shop.ingest(catalogue, prune=True, **options)
        assert report.deleted == 0
        assert "1 rows have no id" in report.prune_refused


def test_an_item_whose_row_failed_is_still_in_the_catalogue(shop, catalogue, shrink):
    shop.ingest(catalogue)
    shrink(11, json.dumps({"id": "sku-11", "title": "Thing 11", "popularity": "abc"}))
    report = shop.ingest(catalogue, prune=True)
    assert (report.failed, report.deleted, report.prune_refused) == (1, 0, "")
    assert "sku-11" in shop.points()


def test_an_empty_catalogue_deletes_nothing(shop, catalogue):
    shop.ingest(catalogue)
    catalogue.write_text("")
    with pytest.raises(CatalogueError, match="is empty"):
        shop.ingest(catalogue, prune=True, force_prune=True)
    assert len(shop.points()) == 12


def test_a_read_that_broke_off_deletes_nothing(shop, catalogue, shrink):
    shop.ingest(catalogue)
    shrink(9)

    def stop(report):
        if report.read:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.ingest(catalogue, prune=True, progress=stop)
    assert len(shop.points()) == 12


def test_dead_letters_of_deleted_items_go_with_them(shop, catalogue, shrink):
    shop.ingest(catalogue)
    shrink(11, json.dumps({"id": "sku-11", "popularity": "abc"}))
    shop.ingest(catalogue)
    assert set(shop.failures()) == {"sku-11"}
    shrink(11)
    assert shop.ingest(catalogue, prune=True).deleted == 1
    assert shop.failures() == {}


@pytest.mark.parametrize("name", ["items.tsv", "items.csv"])
def test_rows_behind_a_stray_quote_are_not_deleted(shop, tmp_path, name):
    file = tmp_path / name
    delimiter = "\t" if name == "items.tsv" else ","
    lines = [delimiter.join(("id", "title", "kind")), *(f"{n}{delimiter}Thing{delimiter}x" for n in range(9))]
    file.write_text("\n".join(lines))
    shop.ingest(file)
    lines[4] = f'3{delimiter}"Vintage look{delimiter}x'
    lines[6] = f'5{delimiter}Mirror 13"{delimiter}x'
    file.write_text("\n".join(lines))
    report = shop.ingest(file, prune=True)
    assert report.deleted == 0
    assert len(shop.points()) == 9
    assert bool(report.prune_refused) == (name == "items.csv")


def test_rows_that_may_hold_others_delete_nothing(shop, tmp_path):
    file = tmp_path / "items.csv"
    file.write_text("id,title,kind\n1,a,x\n2,b,x\n3,c,x\n4,d,x\n")
    shop.ingest(file)
    file.write_text('id,title,kind\n1,"a\n2,b,x\nz",x\n3,c,x\n4,d,x\n')
    report = shop.ingest(file, prune=True)
    assert (report.deleted, len(shop.points())) == (0, 4)
    assert "1 rows hold lines in a quoted cell" in report.prune_refused
    assert shop.ingest(file, prune=True, force_prune=True).deleted == 1
