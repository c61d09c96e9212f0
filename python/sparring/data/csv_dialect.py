"""How a CSV file is written: encoding, delimiter, quotes, header, comment lines and decimal mark, from a sample.

The delimiter and the quotes are found by the package CleverCSV (van den Burg, Nazabal, Sutton: Wrangling messy CSV
files by detecting row and type patterns, 2019), a legacy encoding by charset-normalizer; the rest is by rules that
are written beside each function.  What a user sets in ``table.options`` is not looked for.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise

from sparring.data.number_text import COMMA_DECIMAL, NUMBER, POINT_DECIMAL
from sparring.errors import TableError

DELIMITERS = (",", ";", "\t", "|")
# CleverCSV's time grows with the square of what it sees.
LINES, LETTERS = 100, 12_000
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# Encodings that tables come in, and of these the ones that a few letters do not tell from what Windows writes.
ENCODINGS = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1255", "cp1256", "koi8_r", "mac_roman", "cp850"),
    *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
]
WESTERN = ("cp1252", "cp1250", "mac_roman", "cp850")


@dataclass(frozen=True)
class Dialect:
    r"""How a CSV file is written.

    Attributes
    ----------
    sep, quote, escape : str
        One letter each; ``escape`` is ``"`` where quotes are doubled, as RFC 4180 has it.
    encoding : str
        Java's name.
    header : bool
        Whether the first line holds the names of the columns.
    comment : str or None
        The letter that begins a line that is no row.
    decimal : str
        ``"."`` or ``","``.
    """

    sep: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "UTF-8"
    header: bool = True
    comment: str | None = None
    decimal: str = "."

    def to_options(self) -> dict[str, str]:
        """Return the dialect as ``table.options``."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}


def sniff(sample: bytes, pieces: list[bytes] | None = None, given: Mapping[str, str] | None = None) -> Dialect:
    r"""Return the dialect of a file from its first bytes.

    Parameters
    ----------
    sample : bytes
        The beginning, 256 KiB do.
    pieces : list of bytes, optional
        Of the rest: an encoding may show late.
    given : mapping of str to str, optional
        Parts that are known, in the names of :class:`Dialect`; they are kept.

    Raises
    ------
    TableError
        If the encoding is not known.

    Examples
    --------
    >>> sniff(b"id;price\n1;3,50\n2;4,75\n").to_options()
    {'sep': ';', 'quote': '"', 'escape': '"', 'encoding': 'UTF-8', 'header': 'true', 'decimal': ','}
    """
    known = dict(given or {})
    encoding = known.get("encoding") or sniff_encoding(sample, pieces or [])
    lines = decode(sample, encoding).splitlines(keepends=True)
    # The last line may be cut.
    lines = lines[:-1] if len(lines) > 2 and len(sample) >= LETTERS else lines
    plain = [line for line in lines if not line.startswith("#") and line.strip()] or lines
    sep, quote, escape = _marks(plain, known)
    comment = known.get("comment") or _comment(lines, plain, sep, quote)
    rows = list(csv.reader(io.StringIO("".join(plain if comment == "#" else lines)), delimiter=sep, quotechar=quote))
    rows = [row for row in rows if row][:1_000]
    decimal = known.get("decimal") or sniff_decimal(rows, sep)
    header = known["header"] == "true" if "header" in known else has_header(rows, decimal)
    return Dialect(sep, quote, escape, encoding, header, comment or None, decimal)


def sniff_encoding(sample: bytes, pieces: list[bytes]) -> str:
    """Return the encoding: by byte order mark, UTF-16 by its zero bytes, UTF-8 if it decodes, else by frequencies.

    ``windows-1252`` stands for all its relatives of Western Europe: Latin-1 is a part of it.
    """
    for mark, name in BYTE_ORDER_MARKS.items():
        if sample.startswith(mark):
            return name
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) / 8:
        return "UTF-16LE" if odd > even else "UTF-16BE"
    if all(_is_utf8(piece) for piece in [sample, *pieces]):
        return "UTF-8"
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join([sample, *pieces]), cp_isolation=ENCODINGS).best()
    # Without a language that it recognises a guess is no better than the commonest.
    if best is None or best.encoding in WESTERN or not best.coherence:
        return "windows-1252"
    return _java_name(best.encoding)


def _java_name(encoding: str) -> str:
    return encoding.replace("cp", "windows-") if re.fullmatch(r"cp125\d", encoding) else encoding.replace("_", "-")


def _is_utf8(piece: bytes) -> bool:
    """Return whether a piece is UTF-8 but for a letter cut at either end."""
    start = next((at for at, byte in enumerate(piece[:4]) if byte & 0xC0 != 0x80), 4)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(piece[start:])
    except UnicodeDecodeError:
        return False
    return True


def decode(sample: bytes, encoding: str) -> str:
    """Return the text of a sample, a letter that is cut at its end left out.

    Raises
    ------
    TableError
        If the encoding is not known.
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    except LookupError as error:
        raise TableError(
            f"table.options.encoding {encoding!r} is no encoding that is known", "Write for example windows-1252."
        ) from error
    return decoder.decode(sample).removeprefix("\ufeff")


def _marks(lines: list[str], known: Mapping[str, str]) -> tuple[str, str, str]:
    """Return delimiter, quote and escape; a file of one column has a comma."""
    from clevercsv import Sniffer
    from clevercsv.exceptions import Error

    text = "".join(lines[:LINES])
    text = text if len(text) <= LETTERS else text[: text.rfind("\n", 0, LETTERS) + 1] or text[:LETTERS]
    choices = [known["sep"]] if "sep" in known else list(DELIMITERS)
    try:
        found = Sniffer().sniff(text, delimiters=choices)
    except Error:
        found = None
    sep, quote, escape = (found.delimiter, found.quotechar, found.escapechar) if found else ("", "", "")
    quote = known.get("quote") or quote or '"'
    return known.get("sep") or sep or ",", quote, known.get("escape") or ("\\" if escape == "\\" else quote)


def _comment(lines: list[str], plain: list[str], sep: str, quote: str) -> str | None:
    """Return ``#`` where lines before the first row begin with it and do not hold as many cells as a row."""
    ahead = []
    for line in lines:
        if not line.startswith("#"):
            break
        ahead.append(line)
    if not ahead or len(ahead) == len(lines):
        return None
    cells = {len(row) for row in csv.reader(ahead, delimiter=sep, quotechar=quote)}
    of_rows = len(next(csv.reader(plain, delimiter=sep, quotechar=quote)))
    # "#id,name" is a header.
    return None if cells == {of_rows} and len(ahead) == 1 else "#"


def sniff_decimal(rows: list[list[str]], sep: str) -> str:
    """Return ``,`` where cells are numbers with a decimal comma and none has a decimal point.

    ``1,234`` in a file that commas delimit is a thousand and more; elsewhere it is a fraction.
    """
    if sep == ",":
        return "."
    cells = [cell.strip() for row in rows[1:] for cell in row]
    commas = sum(1 for cell in cells if "," in cell and COMMA_DECIMAL.fullmatch(cell))
    points = sum(1 for cell in cells if "." in cell and POINT_DECIMAL.fullmatch(cell))
    return "," if commas > points else "."


def has_header(rows: list[list[str]], decimal: str) -> bool:
    """Return whether the first row names the columns.

    It does unless a number in it stands above numbers, such as ``5.1`` above ``4.9``; years in equal
    steps are names all the same.
    """
    if len(rows) < 2:
        return True
    first = [cell.strip() for cell in rows[0]]
    above = [at for at, cell in enumerate(first) if _is_number(cell, decimal)]
    if not above:
        return True
    if _are_years([first[at] for at in above]):
        return True
    below = [row for row in rows[1:] if len(row) == len(first)]
    return not any(all(_is_number(row[at].strip() or "0", decimal) for row in below) for at in above)


def _are_years(cells: list[str]) -> bool:
    """Return whether several numbers of four digits go up in equal steps."""
    if len(cells) < 2 or not all(re.fullmatch(r"[12]\d{3}", cell) for cell in cells):
        return False
    steps = {int(after) - int(cell) for cell, after in pairwise(cells)}
    return len(steps) == 1 and steps.pop() > 0


def _is_number(cell: str, decimal: str) -> bool:
    return bool(NUMBER.fullmatch(cell) or (decimal == "," and COMMA_DECIMAL.fullmatch(cell)))
