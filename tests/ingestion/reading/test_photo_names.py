import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.photo_names import split_names

WORD = st.from_regex(r"[A-Za-zÄ-ü0-9_-]{1,8}", fullmatch=True)
ENDING = st.sampled_from([".jpg", ".JPEG", ".png", ".webp", ".gif", ".avif", ".jpg?v=12"])
PATHS = st.builds(lambda folder, name, ending: f"{folder}/{name}{ending}", WORD, WORD, ENDING)
URLS = st.builds(
    lambda scheme, parts, ending: f"{scheme}shop.example/{'/'.join(parts)}{ending}",
    st.sampled_from(["http://", "https://", "//", "HTTP://"]),
    st.lists(WORD | st.sampled_from(["w_200,h_300", "a;b", "x|y", "f(1,2)"]), min_size=1, max_size=3),
    ENDING | st.just(""),
)
SEPARATORS = st.sampled_from([",", ", ", "|", " | ", ";", "; ", "\n", "\r\n", " "])


@given(st.lists(PATHS, min_size=1, max_size=5), SEPARATORS, st.booleans())
def test_paths_joined_by_any_separator_are_those_paths(paths, separator, has_end):
    assert split_names(separator.join(paths) + (separator if has_end else "")) == paths


@given(st.lists(URLS, min_size=1, max_size=5), SEPARATORS)
def test_urls_joined_by_any_separator_are_those_urls_whatever_signs_they_have(urls, separator):
    assert split_names(separator.join(urls)) == urls


@given(st.lists(WORD, min_size=2, max_size=4), st.sampled_from([",", ", ", " ", ";", "|"]), ENDING)
def test_a_file_that_is_there_is_one_name_whatever_its_name(words, separator, ending):
    name = separator.join(words) + ending
    assert split_names(name, {name}.__contains__) == [name]
    both = f"{name}{separator}other.png"
    assert split_names(both, {name, "other.png"}.__contains__) == [name, "other.png"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("my, photo.jpg", ["my, photo.jpg"]),
        ("my photo (1).jpg", ["my photo (1).jpg"]),
        ("my photo.jpg, another photo.jpg", ["my photo.jpg", "another photo.jpg"]),
        ("1|2", ["1", "2"]),
        ("a.jpg|", ["a.jpg"]),
        ("|a.jpg", ["a.jpg"]),
        ("a.jpg,,b.jpg", ["a.jpg", "b.jpg"]),
        ("http://x.example/a.jpg,", ["http://x.example/a.jpg"]),
        ("http://x.example/w_1,h_2/a", ["http://x.example/w_1,h_2/a"]),
        ("http://x.example/my photo.jpg", ["http://x.example/my photo.jpg"]),
        ("a.jpg,//x.example/b", ["a.jpg", "//x.example/b"]),
        ("a.jpg ! alt : A, b ! title :  | b.jpg ! alt : ", ["a.jpg", "b.jpg"]),
    ],
)
def test_names(text, names):
    assert split_names(text) == names


@given(st.text(max_size=40), st.booleans())
def test_any_text_gives_names_of_its_own(text, is_file):
    for name in split_names(text.strip() or "x", lambda _: is_file):
        assert name
