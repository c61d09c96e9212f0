"""How a file is written is found from its beginning, for every delimiter, encoding and program that writes it."""

from __future__ import annotations

import codecs
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.data.csv_dialect import DELIMITERS, Dialect, has_header, sniff, sniff_decimal, sniff_encoding

TEXT = "id;price;name\n1;3,50;Müller\n2;4,75;Größe\n3;1,25;Åse\n"


@pytest.mark.parametrize("sep", DELIMITERS)
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_delimiter_of_what_pythons_writer_writes_is_found(sep: str, quoting: int, end: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=sep, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(["id", "remark", "size"])
    writer.writerows([[at, f'he said "{sep}" and, well; {at}|', at * 1.5] for at in range(60)])
    found = sniff(written.getvalue().encode())
    assert (found.sep, found.quote, found.escape, found.header) == (sep, '"', '"', True)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "UTF-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "UTF-8"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-16-le"), "UTF-16LE"),
        (TEXT.encode("utf-16-be"), "UTF-16BE"),
        (TEXT.encode("latin-1"), "windows-1252"),
        (TEXT.encode("cp1252"), "windows-1252"),
        (b"a,b\n1,2\n", "UTF-8"),
        (("имя;город\n" + "Анна;Москва и другие города России\n" * 50).encode("cp1251"), "windows-1251"),
    ],
)
def test_the_encoding_is_found(data: bytes, encoding: str) -> None:
    assert sniff_encoding(data, []) == encoding


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_letter_that_is_cut_is_no_other_encoding(cut: int) -> None:
    whole = ("a,b\n" + "€𝄞é" * 10).encode()
    assert sniff_encoding(whole[:-cut], [whole[-cut:], whole[5:]]) == "UTF-8"


def test_an_encoding_that_shows_late_is_seen() -> None:
    assert sniff_encoding(b"a,b\n1,2\n", ["größe".encode("latin-1")]) == "windows-1252"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# made on monday\n# by a program\nid,v\n1,2\n", "#"),
        ("#id,v\n1,2\n3,4\n", None),
        ("colour,v\n#ff0000,2\n#00ff00,4\n", None),
        ("# only a remark\n", None),
    ],
)
def test_comment_lines_are_told_from_a_header_and_from_values(text: str, expected: str | None) -> None:
    assert sniff(text.encode()).comment == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["id", "v"], ["1", "2"]], True),
        ([["1", "2.5", "a"], ["2", "3.5", "b"]], False),
        ([["country", "2010", "2011"], ["f", "1", "2"]], True),
        ([["name"], ["anna"]], True),
        ([["a", "b"]], True),
        ([["5.1", "setosa"], ["4.9", "setosa"], ["", "virginica"]], False),
        ([["", "speed"], ["1", "4"]], True),
    ],
)
def test_a_header_is_one_unless_it_is_numbers_above_numbers(rows: list[list[str]], expected: bool) -> None:
    assert has_header(rows, ".") is expected


@pytest.mark.parametrize(
    ("sep", "cells", "expected"),
    [
        (";", ["3,5", "4"], ","),
        (";", ["1.234,50"], ","),
        (";", ["3.5", "4"], "."),
        (";", ["1,5", "2.5", "3.5"], "."),
        ("\t", ["0,25"], ","),
        (",", ["1,234"], "."),
    ],
)
def test_the_decimal_mark_is_found(sep: str, cells: list[str], expected: str) -> None:
    assert sniff_decimal([["x"], *[[cell] for cell in cells]], sep) == expected


def test_a_backslash_that_escapes_quotes_is_found() -> None:
    assert sniff(b'id,t\n1,"say \\"hi\\", he said"\n2,"b, c"\n').escape == "\\"


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(DELIMITERS),
    st.sampled_from(["UTF-8", "windows-1252"]),
    st.booleans(),
    st.sampled_from([".", ","]),
)
def test_what_the_user_tells_is_kept(sep: str, encoding: str, header: bool, decimal: str) -> None:
    known = {"sep": sep, "encoding": encoding, "header": str(header).lower(), "decimal": decimal}
    assert sniff(b"a;b,c\n1;2,3\n", given=known) == Dialect(sep, '"', '"', encoding, header, None, decimal)
