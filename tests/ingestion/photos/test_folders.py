"""Photos that change in their folders."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.photos.folders import PhotoFolders

NAMES = st.sampled_from(["a.jpg", "b.JPG", "c.png", "d.webp", "e"])


def write(folder: Path, names, content="x"):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(content)


def go_on(_):
    return False


@given(
    st.lists(NAMES, min_size=1, max_size=4, unique=True),
    st.sampled_from(["replaced", "of the same size", "added", "removed", "touched", "nothing"]),
    st.data(),
)
def test_what_becomes_of_a_photo_counts_once(tmp_path_factory, names, change, data):
    folder = tmp_path_factory.mktemp("shop") / "photos"
    write(folder, names)
    folders = PhotoFolders()
    for name in names:
        folders.note(folder / name)
    name = data.draw(st.sampled_from(names))
    photo = folder / name
    before = photo.stat()
    if change == "replaced":
        photo.write_text("another")
    elif change == "of the same size":  # as rsync and shops replace files: another file takes the name
        fresh = folder.parent / "fresh"
        fresh.write_text("y")
        os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
        fresh.replace(photo)
    elif change == "added":
        write(folder, [f"new{photo.suffix}"])
    elif change == "removed":
        photo.unlink()
    elif change == "touched":
        os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert folders.changed(go_on) is (change != "nothing")
    folders.restart()
    for name in names:
        folders.note(folder / name)
    assert not folders.changed(go_on)


@pytest.mark.parametrize("place", ["photos/items.csv", "photos/log.txt", "other/a.jpg", "photos/deep/a.jpg"])
def test_other_files_and_folders_are_no_photos(tmp_path, place):
    write(tmp_path / "photos", ["a.jpg"])
    folders = PhotoFolders()
    folders.note(tmp_path / "photos" / "a.jpg")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("x")
    assert not folders.changed(go_on)


def test_a_photo_that_was_missing_is_noticed_and_so_is_its_folder(tmp_path):
    folders = PhotoFolders()
    folders.note(tmp_path / "photos" / "a.jpg")
    assert not folders.changed(go_on)
    write(tmp_path / "photos", ["a.jpg"])
    assert folders.changed(go_on)


def test_photos_that_are_being_written_are_waited_for_and_a_stop_ends_the_wait(tmp_path):
    write(tmp_path, ["a.jpg"])
    folders = PhotoFolders()
    folders.note(tmp_path / "a.jpg")
    sizes = iter(["xx", "xxx", "xxxx"])
    waits = []

    def pause(seconds):
        waits.append(seconds)
        if (content := next(sizes, None)) is not None:
            (tmp_path / "a.jpg").write_text(content)
        return False

    (tmp_path / "a.jpg").write_text("first")
    assert folders.changed(pause)
    assert len(waits) == 4
    assert not folders.changed(lambda _: True)
