"""Every kind of file a shop may land is read faithfully, or refused with a sentence."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
import tracemalloc
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.contracts import landed_table, raw
from forecast_platform.errors import ConfigurationError, LandingError
from forecast_platform.lake import polars_schema
from forecast_platform.sources import Mapping, RawFile, load_mapping, raw_rows, read_file
from forecast_platform.sources.files import LINE_LIMIT, UnsettledFileError

SALES = landed_table("sales")
HEADER = "date,item_id,location_id,units\n"
TWO_ROWS = HEADER + "2024-01-01,A,S1,3\n2024-01-02,B,S1,1e3\n"
GOLDEN = [("2024-01-01", "A", "S1", "3"), ("2024-01-02", "B", "S1", "1e3")]


def read(
    folder: Path, data: bytes | str, name: str = "sales.csv", mapping: Mapping | None = None
) -> RawFile:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_file(path, SALES, mapping or Mapping(), name)


def raw_of(landed: RawFile, mapping: Mapping | None = None) -> pl.DataFrame:
    return raw_rows([landed], SALES, mapping or Mapping())


def values(landed: RawFile) -> list[tuple[str, ...]]:
    return raw_of(landed).select("date", "item_id", "location_id", "units").rows()


@pytest.mark.parametrize(
    "data",
    [
        TWO_ROWS,
        TWO_ROWS.replace("\n", "\r\n"),
        TWO_ROWS.replace("\n", "\r"),
        TWO_ROWS.replace("\n", "\r") + "\n",
        "\n" + TWO_ROWS + "\n\n,,,\n",
        TWO_ROWS.removesuffix("\n"),
        TWO_ROWS.replace(",", ";"),
        TWO_ROWS.replace(",", "\t"),
        TWO_ROWS.replace(",", "|"),
        TWO_ROWS.replace("date,item_id", "\" DATE \",Item ID"),
        "\ufeff" + TWO_ROWS,
        TWO_ROWS.encode("utf-16"),
        b"\xfe\xff" + TWO_ROWS.encode("utf-16-be"),
        TWO_ROWS.replace("3\n", "3,,\n"),
        "units,location_id,item_id,date\n3,S1,A,2024-01-01\n1e3,S1,B,2024-01-02\n",
    ],
    ids=[
        "plain", "crlf", "cr", "cr-crlf", "blank-lines", "no-newline-at-end", "semicolon", "tab",
        "pipe", "spelling-of-header", "byte-order-mark", "utf-16", "utf-16-be",
        "trailing-delimiters", "reordered",
    ],
)  # fmt: skip
def test_csv_dialects_read_alike(tmp_path: Path, data: bytes | str) -> None:
    assert values(read(tmp_path, data)) == GOLDEN


def test_frame_meets_the_raw_contract(tmp_path: Path) -> None:
    landed = read(tmp_path, TWO_ROWS)
    assert raw_of(landed).schema == polars_schema(raw(SALES))
    assert raw_of(landed)["row_number"].to_list() == [1, 2]
    assert raw_of(landed)["business_day"].to_list() == [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]
    assert set(raw_of(landed)["checksum"]) == {landed.checksum}
    assert raw_of(landed)["extra"].null_count() == 2
    assert (raw_of(landed).height, landed.size) == (2, len(TWO_ROWS))


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        ("item_id,location_id,units\nA,S1,3\n", "a.csv", r"\['date'\] are missing.*mapping.yaml"),
        ("day,item_id,location_id,units\n", "a.csv", r"\['date'\] are missing; the header has"),
        (HEADER.replace(",", "#"), "a.csv", r"are missing; the header has \['date#item"),
        (HEADER.replace("units", "item_id"), "a.csv", r"\['item_id'\] come more than once"),
        (HEADER.replace("units", "units, Units"), "a.csv", r"\[' Units', 'units'\] come more"),
        (TWO_ROWS.replace("units", "units,x,x"), "a.csv", r"\['x'\] come more than once"),
        (TWO_ROWS.encode("utf-16-le"), "a.csv", "UTF-16 without a byte order mark"),
        (TWO_ROWS.encode("utf-16")[:-1], "a.csv", "not text in utf-16"),
        (gzip.compress(TWO_ROWS.encode() * 99, mtime=0)[:-20], "a.csv.gz", "cut off or damaged"),
        (TWO_ROWS, "a.csv.gz", "cut off or damaged"),
        (b"PAR1 no footer here PAR1", "a.parquet", "parquet file cannot be read"),
        (TWO_ROWS, "a.parquet", "parquet file cannot be read"),
        (gzip.compress(bytes(LINE_LIMIT + 1), mtime=0), "a.csv.gz", "a line is longer than 64 MiB"),
        ('{"item_id": 1}\n', "a.jsonl", r"\['date', 'location_id', 'units'\] are missing"),
        ("no json\n", "a.jsonl", "are missing"),
    ],
)  # fmt: skip
def test_unusable_files_are_refused_with_a_sentence(
    tmp_path: Path, data: bytes | str, name: str, sentence: str
) -> None:
    with pytest.raises(LandingError, match=sentence):
        read(tmp_path, data, name)


def test_files_read_together_are_files_read_one_by_one(tmp_path: Path) -> None:
    contents = {
        "a.csv": TWO_ROWS,
        "b.csv": HEADER + "2024-01-01,A,S1,3\n,,,\n2024-01-03,C,S1,5\n",
        "c.csv": "item_id,date,location_id,units,note\nC,2024-01-03,S1,4,x\n",
        "d.csv": HEADER,
        "e.csv": TWO_ROWS + "2024-01-04,D,S1,1,spare\n",
        "f.csv": "",
        "g.csv": TWO_ROWS + "2024-01-05,E,S1,1,spare\n",
        "h.csv": TWO_ROWS,
    }
    files = [read(tmp_path, content, name) for name, content in contents.items()]
    together = raw_rows(files, SALES, Mapping())
    assert together.equals(pl.concat([raw_of(file) for file in files]))
    numbers = together.group_by("file", maintain_order=True).agg("row_number").rows()
    assert numbers == [
        ("a.csv", [1, 2]), ("b.csv", [1, 3]), ("c.csv", [1]), ("e.csv", [1, 2, 3]),
        ("g.csv", [1, 2, 3]), ("h.csv", [1, 2]),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@given(
    lines=st.lists(
        st.lists(
            st.sampled_from(
                ["date", "item_id", "2024-01-01", "1", ",", ";", '"', "\r", "\\ud83d", "\\", "\0",
                 "{", "}", "[", ":", '{"date": "\\udc00"}', '{"\\ud83d": 1}', "é", " "]
            )
        ).map("".join),
    ).map("\n".join),
    headed=st.booleans(),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]),
)  # fmt: skip
def test_whatever_a_text_file_holds_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, lines: str, headed: bool, encoding: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    with suppress(LandingError):
        raw_of(read(folder, (HEADER * headed + lines).encode(encoding), name))


def test_half_a_character_makes_a_json_line_a_broken_one(tmp_path: Path) -> None:
    whole = '{"date": "2024-01-01", "item_id": "\\u00e9", "location_id": "S1", "units": 1}'
    half = whole.replace("\\u00e9", "\\ud83d")
    rows = raw_of(read(tmp_path, f"{whole}\n{half}\n", "sales.jsonl"))
    assert rows["item_id"].to_list() == ["é", None]
    assert "ud83d" in rows["extra"][1]


def test_a_header_longer_than_a_field_of_csv_may_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="are missing"):
        read(tmp_path, "x" * 200_000 + "\n1\n")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_an_empty_file_lands_without_rows(tmp_path: Path, name: str) -> None:
    landed = read(tmp_path, "", name)
    assert (raw_of(landed).height, landed.remark) == (0, "the file is empty")
    assert raw_of(landed).schema == polars_schema(raw(SALES))


def test_a_header_alone_lands_without_rows(tmp_path: Path) -> None:
    assert raw_of(read(tmp_path, HEADER)).is_empty()
    assert raw_of(read(tmp_path, HEADER.strip())).is_empty()


def test_a_giant_line_is_refused_by_its_checksum_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "giant.csv"
    with path.open("wb") as file:
        file.write(HEADER.encode())
        file.truncate(LINE_LIMIT * 3)
    tracemalloc.start()
    with pytest.raises(LandingError, match="longer than 64 MiB") as refused:
        read_file(path, SALES, Mapping(), "giant.csv")
    assert tracemalloc.get_traced_memory()[1] < LINE_LIMIT * 1.5
    tracemalloc.stop()
    assert refused.value.checksum == hashlib.sha256(path.read_bytes()).hexdigest()


def test_lines_that_do_not_fit_the_header_are_kept_whole(tmp_path: Path) -> None:
    landed = read(tmp_path, TWO_ROWS + "2024-01-03,C\n2024-01-04,D,S1,1,spare\n2024-01-05,E,S1,2\n")
    assert values(landed) == [
        *GOLDEN,
        ("2024-01-03", "C", None, None),
        (None, None, None, None),
        ("2024-01-05", "E", "S1", "2"),
    ]
    assert json.loads(raw_of(landed)["extra"][3]) == {"unreadable_line": "2024-01-04,D,S1,1,spare"}


def test_a_stray_quote_costs_one_line_only(tmp_path: Path) -> None:
    landed = read(tmp_path, HEADER + '2024-01-01,"A,S1,3\n2024-01-02,B,S1,1e3\n')
    assert values(landed) == [(None,) * 4, GOLDEN[1]]
    assert json.loads(raw_of(landed)["extra"][0]) == {"unreadable_line": '2024-01-01,"A,S1,3'}


def test_quotes_within_a_field_are_text(tmp_path: Path) -> None:
    landed = read(tmp_path, HEADER + '2024-01-01,5" pipe,S1,3\n2024-01-01,6" pipe,S1,3\n')
    assert raw_of(landed)["item_id"].to_list() == ['5" pipe', '6" pipe']


def test_unknown_columns_are_kept_as_json(tmp_path: Path) -> None:
    text = 'date,item_id,note,location_id,units,\n2024-01-01,A,"say ""hi""",S1,3,9\n'
    landed = read(tmp_path, text)
    assert json.loads(raw_of(landed)["extra"][0]) == {"note": 'say "hi"', "column 6": "9"}


@pytest.mark.parametrize(
    "item",
    ["two\nlines", " padded ", "🦄", "O'Neil", 'a"b', "../../etc", "a\\b", "'; DROP TABLE x;--",
     "a\0b", "NaN", "null", "1,5", "007"],
)  # fmt: skip
def test_strange_ids_stay_as_they_are(tmp_path: Path, item: str) -> None:
    quoted = '"' + item.replace('"', '""') + '"'
    from_csv = read(tmp_path, f"{HEADER}2024-01-01,{quoted},S1,3\n")
    record = {"date": "2024-01-01", "item_id": item, "location_id": "S1", "units": 3}
    from_json = read(tmp_path, json.dumps(record), "a.jsonl")
    assert raw_of(from_csv)["item_id"].to_list() == raw_of(from_json)["item_id"].to_list() == [item]


def test_latin_1_is_the_fallback_and_other_encodings_can_be_declared(tmp_path: Path) -> None:
    text = HEADER + "2024-01-01,Käse,S1,3\n"
    assert raw_of(read(tmp_path, text.encode("latin-1")))["item_id"][0] == "Käse"
    assert raw_of(read(tmp_path, text.encode()))["item_id"][0] == "Käse"
    greek = (HEADER + "2024-01-01,φέτα,S1,3\n").encode("iso8859-7")
    declared = read(tmp_path, greek, mapping=Mapping(encoding="iso8859-7"))
    assert raw_of(declared)["item_id"][0] == "φέτα"
    with pytest.raises(LandingError, match="not text in utf-8"):
        read(tmp_path, greek, mapping=Mapping(encoding="utf-8"))


def test_json_numbers_keep_their_spelling(tmp_path: Path) -> None:
    line = '{"date":"2024-01-01","item_id":7,"location_id":true,"units":1.50,"tags":["a",2]}\n'
    landed = read(tmp_path, gzip.compress((line + "\n{broken\n" + line).encode()), "a.jsonl.gz")
    assert values(landed)[0] == ("2024-01-01", "7", "true", "1.50")
    assert values(landed)[1] == (None,) * 4
    assert json.loads(raw_of(landed)["extra"][1]) == {"unreadable_line": "{broken"}
    assert raw_of(landed)["row_number"].to_list() == [1, 3, 4]


def test_parquet_of_other_types_becomes_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {
            "date": [dt.datetime(2024, 1, 1, 8, 30)],
            "item_id": [12],
            "location_id": pl.Series(["S1"], dtype=pl.Categorical),
            "units": [Decimal("1.50")],
            "unit_price": pl.Series([1.1], dtype=pl.Float32),
            "hours": [[0, 1]],
            "seal": [b"\xff"],
        }
    ).write_parquet(path)
    landed = read_file(path, SALES, Mapping(), "a.parquet")
    assert values(landed)[0][1:] == ("12", "S1", "1.50")
    assert raw_of(landed)["unit_price"][0] == "1.1"
    assert raw_of(landed)["business_day"][0] == dt.date(2024, 1, 1)
    assert json.loads(raw_of(landed)["extra"][0]) == {"hours": '{"value":[0,1]}', "seal": "ff"}


def test_a_file_that_disappears_is_left_for_the_next_time(tmp_path: Path) -> None:
    with pytest.raises(UnsettledFileError, match="disappeared"):
        read_file(tmp_path / "gone.csv", SALES, Mapping(), "gone.csv")


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(LandingError, match=r"cannot be opened \(Is a directory"):
        read_file(folder, SALES, Mapping(), "folder.csv")


def test_what_is_no_file_itself_is_not_read(tmp_path: Path) -> None:
    """A link may lead to the platform's secrets, a pipe never ends."""
    (tmp_path / "secret").write_text("date,item_id,location_id,units\nsesame,A,S1,1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "secret")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("link.csv", "loop.csv", "pipe.csv"):
        with pytest.raises(LandingError, match=r"a link or a device.*: put the file itself there"):
            read_file(tmp_path / name, SALES, Mapping(), name)


def test_mapping_translates_names_numbers_dates_and_defaults(tmp_path: Path) -> None:
    mapping = Mapping(
        columns={"Artikel Nr": "item_id", "Datum": "date", "menge": "units", "preis": "unit_price"},
        date_format="%d/%m/%Y",
        decimal=",",
        thousands=".",
        defaults={"location_id": "WEB"},
    )
    text = "Datum;Artikel-Nr;Menge;Preis\n03/04/2024;A,1;1.234,5;2\n31/04/2024;B;many;1.5\n"
    frame = raw_of(read(tmp_path, text, mapping=mapping), mapping)
    assert frame.select(SALES.column_names[:5]).rows() == [
        ("2024-04-03", "A,1", "WEB", "1234.5", "2"),
        ("31/04/2024", "B", "WEB", "many", "1.5"),
    ]
    assert frame["business_day"].to_list() == [dt.date(2024, 4, 3), None]


@pytest.mark.parametrize("thousands", [" ", "'", ","])
def test_every_thousands_sign_is_understood(tmp_path: Path, thousands: str) -> None:
    text = f'{HEADER}2024-01-01,A,S1,"-1{thousands}234{thousands}567.5"\n'
    mapping = Mapping(thousands=thousands)
    assert raw_of(read(tmp_path, text, mapping=mapping), mapping)["units"][0] == "-1234567.5"


def test_a_changed_mapping_changes_the_checksum(tmp_path: Path) -> None:
    plain = read(tmp_path, TWO_ROWS)
    assert read(tmp_path, TWO_ROWS, mapping=Mapping(defaults={})).checksum == plain.checksum
    assert read(tmp_path, TWO_ROWS, mapping=Mapping(decimal=",")).checksum != plain.checksum


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("columns: {sku: article}", r"\['article'\] not known; expected some of \['date'"),
        ("defaults: {shop: WEB}", r"defaults: \['shop'\] not known"),
        ("date_format: dd/mm/yyyy", "does not give day, month and year"),
        ("date_format: '%m/%d'", "does not give day, month and year"),
        ("encoding: klingon", "is not an encoding"),
        ("encoding: base64", "is not an encoding"),
        ("delimiter: §", "cannot be read"),
        ("a: 2024-13-45", "cannot be read as YAML"),
        ("decimal: x", r"decimal: Input should be '.' or ','"),
        ("delimiter: ';;'", "at most 1 character"),
        ("colums: {a: b}", "colums: Extra inputs are not permitted"),
        ("- a", "must be keys and values"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_explained(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "mapping.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        load_mapping(tmp_path, SALES)


def test_the_common_mapping_serves_tables_without_their_own(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("sales: {defaults: {location_id: 7}}\n")
    assert load_mapping(tmp_path, SALES) == Mapping(defaults={"location_id": "7"})
    assert load_mapping(tmp_path, landed_table("prices")) == Mapping()
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "mapping.yaml").write_text("delimiter: ';'\n")
    assert load_mapping(tmp_path, SALES) == Mapping(delimiter=";")
    (tmp_path / "mapping.yaml").write_text("sale: {}\n")
    with pytest.raises(ConfigurationError, match=r"\['sale'\] not known"):
        load_mapping(tmp_path, landed_table("prices"))


cell = st.none() | st.text(
    st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=8
)
rows = st.lists(
    st.fixed_dictionaries(dict.fromkeys((*SALES.column_names, "colour"), cell)), max_size=6
)


@given(rows=rows, order=st.permutations([*SALES.column_names, "colour"]))
def test_what_is_landed_is_what_is_raw_whatever_the_order_of_columns(
    rows: list[dict[str, str | None]],
    order: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("landed")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(order, pl.String))
    frame.write_csv(folder / "a.csv")
    frame.write_parquet(folder / "a.parquet")
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) or "")
    expected = [
        (number, *(row[c] for c in SALES.column_names), row["colour"])
        for number, row in enumerate(rows, start=1)
        if any(value is not None for value in row.values())
    ]
    for name in ("a.csv", "a.parquet", *(["a.jsonl"] if rows else [])):
        landed = raw_of(read_file(folder / name, SALES, Mapping(), name))
        colour = landed["extra"].str.json_path_match("$.colour")
        found = landed.select("row_number", *SALES.column_names, colour=colour).rows()
        assert found == expected, name
