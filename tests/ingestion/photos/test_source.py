from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import PhotoError
from vlclip.ingestion.photos.source import MEDIA_FOLDERS, PhotoSource, is_url, photo_file


def test_paths_start_at_the_catalogue(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"xx")
    source = PhotoSource(lambda url: url.encode(), tmp_path, max_bytes=10)
    assert source.read("a.jpg") == b"xx"
    assert source.read(str(tmp_path / "a.jpg")) == b"xx"  # the operator's own absolute paths are fine
    assert source.read(f"file://{tmp_path}/a.jpg") == b"xx"
    assert source.read(b"yy") == b"yy"
    assert source.read("http://x/a.jpg") == b"http://x/a.jpg"


@given(
    folder=st.sampled_from(["", *MEDIA_FOLDERS]),
    below=st.sampled_from(["", "w/b/"]),
    name=st.sampled_from(["a.jpg", "a b.jpg", "ä.png"]),
    lead=st.sampled_from(["", "/"]),
    write=st.sampled_from([str, quote, lambda path: path.replace("/", "\\")]),
)
def test_a_path_leads_to_its_photo_however_shop_systems_write_it(folder, below, name, lead, write):
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        file = root / folder / below / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"xx")
        assert photo_file(root, write(f"{lead}{below}{name}")).samefile(file)


def test_a_file_at_the_path_itself_goes_before_those_in_folders(tmp_path):
    for folder in ("", "images", "media"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "a.jpg").write_text(folder)
    assert photo_file(tmp_path, "/a.jpg") == tmp_path / "a.jpg"
    assert photo_file(tmp_path, "media/a.jpg") == tmp_path / "media/a.jpg"
    assert photo_file(tmp_path, "b.jpg") == tmp_path / "b.jpg"


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("missing.jpg", "there is no file at"),
        (".", "there is no file at"),
        ("/dev/zero", "there is no file at /dev/zero, nor at .*/dev/zero;"),
        ("big.jpg", "more than 10 bytes"),
        ("ftp://x/a.jpg", "cannot be read over ftp"),
        ("a\0b.jpg", "no file|cannot be read"),
        ("x" * 5000, "no file|cannot be read"),
    ],
)
def test_a_path_that_cannot_be_read_says_why(tmp_path, image, reason):
    (tmp_path / "big.jpg").write_bytes(b"x" * 11)
    with pytest.raises(PhotoError, match=reason):
        PhotoSource(lambda url: b"", tmp_path, max_bytes=10).read(image)


@pytest.mark.parametrize("image", ["/etc/hostname", "a.jpg", "../a.jpg", "file:///etc/hostname"])
def test_items_from_the_network_cannot_name_files(tmp_path, image):
    (tmp_path / "a.jpg").write_bytes(b"xx")
    source = PhotoSource(lambda url: b"", None, max_bytes=10)
    with pytest.raises(PhotoError, match="not accepted here"):
        source.read(image)


def test_urls_are_told_from_paths():
    assert is_url("https://x/a.jpg")
    assert is_url("HTTP://x/a.jpg")
    assert not is_url("images/http.jpg")
    assert not is_url(b"http://x/a.jpg")
