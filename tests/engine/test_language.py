"""A language is a folder of data: words, stop words and refinement follow it, and so does the fingerprint."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlclip.engine import language
from vlclip.engine.encoding import embedder
from vlclip.engine.errors import FingerprintMismatch, SettingsError
from vlclip.engine.item import Item
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.refinement import load_refiner
from vlclip.engine.refinement.words import load_vocabulary
from vlclip.engine.settings import EncoderSettings, EngineSettings, Refinement, StoreSettings
from vlclip.engine.store.lexical import AS_BEFORE, WordEncoder
from vlclip.engine.store.store import Point, Query, StoreInfo, check_fingerprint, info_form, info_from

GERMAN_VOCABULARY = """
nothing.words = ["keine"]
size.words = ["xl"]
known_brands.words = ["gucci"]
colour.rot = ["rot", "rote"]
material.wolle = ["wolle"]
pattern.gestreift = ["gestreift"]
audience.damen = ["damen"]
[attributes]
colour = ["farbe"]
material = ["stoff"]
pattern = ["muster"]
audience = ["zielgruppe"]
"""
GERMAN = Item("d1", title="Jacke GRATISVERSAND", attributes={"farbe": "rot"})


def forget_languages() -> None:
    for cached in (language.load_language, load_vocabulary, embedder.describe):
        cached.cache_clear()


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder of languages with German beside English."""
    folder = tmp_path / "languages"
    (folder / "german").mkdir(parents=True)
    (folder / "english").symlink_to(language.FOLDER / "english")
    (folder / "german" / "vocabulary.toml").write_text(GERMAN_VOCABULARY, encoding="utf-8")
    (folder / "german" / "slogans.toml").write_text("de = ['gratisversand']", encoding="utf-8")
    monkeypatch.setattr(language, "FOLDER", folder)
    forget_languages()
    yield folder
    forget_languages()


def info(name: str) -> StoreInfo:
    return embedder.embedder_info(EncoderSettings(language=name))


def test_the_words_of_a_language_lose_its_stop_words_and_endings(german):
    words, english = WordEncoder("german"), WordEncoder("english")
    assert words.encode_query("die Katzen") == words.encode_query("Katze")
    assert english.encode_query("die Katzen") != english.encode_query("Katze")


def test_refinement_uses_the_vocabulary_and_slogans_of_its_language(german):
    refiner = load_refiner(Refinement(mode="fields"), "german")
    (text,) = refiner.refine([GERMAN], [None])
    assert text.text == "Jacke rot"
    (other,) = load_refiner(Refinement(mode="fields"), "english").refine([GERMAN], [None])
    assert "GRATISVERSAND" in other.text
    assert text.version != other.version


def test_the_cached_texts_of_a_model_are_of_one_language(german):
    settings = Refinement(mode="llm", base_url="http://127.0.0.1:9/v1", model="m", cache="")
    refiners = [load_refiner(settings, name) for name in ("english", "german")]
    english, other = (refiner._key(GERMAN, None) for refiner in refiners)
    assert english != other
    assert refiners[0].version != refiners[1].version


def test_another_language_is_another_fingerprint(german):
    assert info("german").fingerprint != info("english").fingerprint
    assert info("german").language == "german"
    assert info_from(info_form(info("german"))) == info("german")


def test_how_words_are_weighted_is_a_collection_s_own_and_no_part_of_its_fingerprint():
    other = replace(info("english"), words=AS_BEFORE)
    check_fingerprint(other, info("english"), "the store")
    assert info_from(info_form(other)) == other


def test_stores_made_before_the_language_was_written_down_are_english():
    form = info_form(info("english"))
    del form["language"]
    assert info_from(form) == info("english")


def test_fingerprints_of_a_language_stay_as_they_were(german):
    mark = embedder._clip_fingerprint("vlclip-small")
    marks = [["image", *mark], ["text", *mark]]
    german_words = {"k": 1.2, "b": 0.75, "avg_len": 16.0, "language": "german", "ascii_folding": True}
    for name, makers in (("english", marks), ("german", [*marks, ["words", german_words]])):
        assert info(name).fingerprint == hashlib.sha256(json.dumps(makers).encode()).hexdigest()[:16]


def test_a_store_keeps_its_language_and_refuses_another(german, tmp_path):
    settings = EngineSettings(store=str(tmp_path / "store"))
    german_info = info("german")
    with closing(open_store(settings.store, settings, german_info)) as store:
        vector = np.zeros(german_info.space.size, dtype=np.float32)
        store.upsert([Point("d1", vector, "die Katzen", {})])
        Encoders(settings, store.info).check()  # nothing chosen: the store's own
        with pytest.raises(FingerprintMismatch, match="set `language` to 'german'"):
            Encoders(settings.model_copy(update={"language": "english"}), store.info).check()
    with pytest.raises(FingerprintMismatch, match="VLCLIP_LANGUAGE=english vlclip reindex"):
        open_store(settings.store, StoreSettings(), info("english"))
    with closing(open_store(settings.store, StoreSettings())) as store:
        assert [hit.id for hits in store.search([Query(text="Katze")]) for hit in hits] == ["d1"]


def test_an_unknown_language_is_refused_with_those_there_are(german):
    with pytest.raises(SettingsError, match=r"no language 'klingon'.*english, german.*vocabulary.toml"):
        info("klingon")
    with pytest.raises(SettingsError, match="english, german"):
        load_refiner(Refinement(mode="fields"), "../german")


def test_data_that_cannot_be_read_name_the_file(german):
    (german / "german" / "slogans.toml").write_text("de = [", encoding="utf-8")
    with pytest.raises(SettingsError, match="of the language 'german' cannot be read"):
        WordEncoder("german")


def test_a_language_that_bm25_does_not_know_is_an_error(german):
    (german / "german").rename(german / "klingon")
    with pytest.raises(SettingsError, match=r"klingon.*as BM25 names the language"):
        WordEncoder("klingon")
