"""Settings: file, environment, arguments, in that order, and clear about a wrong one."""

from __future__ import annotations

import pytest

from vlclip.engine.errors import SettingsError
from vlclip.service.settings import Settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working folder without a settings file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_later_source_wins(elsewhere, monkeypatch):
    (elsewhere / "vlclip.toml").write_text('store = "from-file"\nclip = "from-file"\n[hnsw]\nef = 77\n')
    assert Settings.load().store == "from-file"
    assert Settings.load().hnsw.ef == 77
    monkeypatch.setenv("VLCLIP_STORE", "from-environment")
    monkeypatch.setenv("VLCLIP_HNSW__M", "32")
    both = Settings.load(clip="from-argument", device=None)
    assert (both.store, both.clip, both.device) == ("from-environment", "from-argument", "auto")
    assert (both.hnsw.ef, both.hnsw.m) == (77, 32)


def test_another_file_can_be_named(elsewhere, monkeypatch):
    (elsewhere / "other.toml").write_text('store = "other"')
    monkeypatch.setenv("VLCLIP_CONFIG", str(elsewhere / "other.toml"))
    assert Settings.load().store == "other"
    monkeypatch.setenv("VLCLIP_CONFIG", "nowhere.toml")
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        Settings.load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('stroe = "x"', "stroe"),
        ("[hnsw]\nef = 0", r"hnsw\.ef"),
        ("[hnsw]\nquantization = 'int4'", r"hnsw\.quantization"),
        ("[server]\ncollection = 'a b'", r"server\.collection"),
        ("store = ", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(elsewhere, text, message):
    (elsewhere / "vlclip.toml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        Settings.load()


def test_an_api_key_is_not_shown(monkeypatch):
    monkeypatch.setenv("VLCLIP_SERVER__API_KEY", "hush")
    settings = Settings.load()
    assert "hush" not in repr(settings)
    assert settings.server.api_key is not None
    assert settings.server.api_key.get_secret_value() == "hush"
