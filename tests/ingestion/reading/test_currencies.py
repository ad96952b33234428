from vlclip.ingestion.reading.currencies import currencies, folded, further_codes, marks

COMMON = (
    "USD EUR JPY GBP CNY AUD CAD CHF HKD SGD SEK NOK KRW NZD INR MXN TWD ZAR BRL DKK PLN THB ILS IDR CZK "
    "AED TRY HUF CLP SAR PHP MYR COP RUB RON PEN BHD BGN ARS KWD UAH VND EGP"
)


def test_the_commonest_currencies_and_their_decimals_are_known():
    assert set(COMMON.split()) <= set(currencies())
    assert {code for code, currency in currencies().items() if currency.decimals == 3} >= {"KWD", "BHD"}
    assert not further_codes() & set(currencies())


def test_every_code_is_a_mark_of_its_own():
    for code in currencies():
        assert marks()[code.lower()].code == code


def test_marks_are_written_in_lower_case_and_say_one_thing():
    assert all(mark == folded(mark) for mark in marks())
    assert marks()["$"].is_shared
    assert marks()["¢"].is_minor
    assert marks()["kr"].code == "kr"


def test_turkish_capital_letters_are_those_of_the_small_ones():
    small = "t\u00fcrk liras\u0131"
    for written in (small.upper(), small.title(), small.upper().replace("I", "\u0130")):
        assert folded(written) == folded(small)
