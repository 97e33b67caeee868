"""Importers keep a data set's totals and refuse what is not the data set."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from forecast_platform.contracts import LANDED
from forecast_platform.errors import PlatformError
from forecast_platform.sources.importers import (
    ImportReport,
    import_freshretailnet,
    import_m5,
    import_online_retail,
)

CALENDAR = """date,wm_yr_wk,d,event_name_1,event_type_1,event_name_2,event_type_2,snap_CA,snap_TX
2011-12-30,11148,d_1,,,,,0,1
2011-12-31,11149,d_2,,,,,0,0
2012-01-01,11149,d_3,NewYear,National,Feast,Religious,1,1
2012-01-07,11150,d_4,,,,,0,0
"""
SALES = """id,item_id,dept_id,cat_id,store_id,state_id,d_1,d_2,d_3
B_TX_1,B,FOODS_3,FOODS,TX_1,TX,0,0,5
A_TX_1,A,FOODS_3,FOODS,TX_1,TX,2,0,1
"""
PRICES = """store_id,item_id,wm_yr_wk,sell_price
TX_1,A,11148,2.5
TX_1,A,11149,2.6
TX_1,A,11150,2.7
TX_1,B,11149,1.0
CA_9,A,11149,9.9
"""


@pytest.fixture
def m5(tmp_path: Path) -> Path:
    folder = tmp_path / "m5"
    folder.mkdir()
    (folder / "calendar.csv").write_text(CALENDAR)
    (folder / "sales_train_evaluation.csv").write_text(SALES)
    (folder / "sell_prices.csv").write_text(PRICES)
    return folder


def landed(report: ImportReport, table: str) -> pl.DataFrame:
    """All rows of a landed table in the order of its files."""
    return pl.concat(pl.read_parquet(f) for f in report.files if f.parent.name == table)


def contents(report: ImportReport) -> list[bytes]:
    return [file.read_bytes() for file in report.files]


def assert_documented(report: ImportReport) -> None:
    """Only documented columns, at most one folder per landed table, rows counted."""
    tables = {table.name: table for table in LANDED}
    for name, rows in report.rows.items():
        frame = landed(report, name)
        assert set(frame.columns) <= set(tables[name].column_names)
        assert frame.height == rows


class TestM5:
    def test_sales_are_the_days_with_units(self, m5: Path, tmp_path: Path) -> None:
        report = import_m5(m5, tmp_path / "landing")
        assert landed(report, "sales").rows() == [
            (dt.date(2011, 12, 30), "A", "TX_1", 2),
            (dt.date(2012, 1, 1), "A", "TX_1", 1),
            (dt.date(2012, 1, 1), "B", "TX_1", 5),
        ]
        assert_documented(report)

    def test_prices_begin_with_their_week_and_stay_within_the_sold_days(
        self, m5: Path, tmp_path: Path
    ) -> None:
        report = import_m5(m5, tmp_path / "landing")
        assert landed(report, "prices").rows() == [
            (dt.date(2011, 12, 30), "A", "TX_1", 2.5),
            (dt.date(2011, 12, 31), "A", "TX_1", 2.6),
            (dt.date(2011, 12, 31), "B", "TX_1", 1.0),
        ]

    def test_events_and_snap_days(self, m5: Path, tmp_path: Path) -> None:
        report = import_m5(m5, tmp_path / "landing")
        assert landed(report, "calendar").rows() == [
            (dt.date(2011, 12, 30), "SNAP", "snap", "TX"),
            (dt.date(2012, 1, 1), "Feast", "Religious", None),
            (dt.date(2012, 1, 1), "NewYear", "National", None),
            (dt.date(2012, 1, 1), "SNAP", "snap", "CA"),
            (dt.date(2012, 1, 1), "SNAP", "snap", "TX"),
        ]

    def test_attributes_and_settings(self, m5: Path, tmp_path: Path) -> None:
        report = import_m5(m5, tmp_path / "landing")
        assert landed(report, "products").rows() == [
            ("A", "FOODS", "FOODS_3"),
            ("B", "FOODS", "FOODS_3"),
        ]
        assert landed(report, "locations").rows() == [("TX_1", "TX", "US")]
        assert report.settings == {
            "start_date": dt.date(2011, 12, 30),
            "end_date": dt.date(2012, 1, 1),
            "currency": "USD",
            "country": "US",
            "timezone": "America/Chicago",
        }

    def test_sales_columns_may_start_later(self, m5: Path, tmp_path: Path) -> None:
        sales = pl.read_csv(m5 / "sales_train_evaluation.csv").drop("d_1")
        sales.write_csv(m5 / "sales_train_evaluation.csv")
        report = import_m5(m5, tmp_path / "landing")
        assert (report.first_day, report.last_day) == (dt.date(2011, 12, 31), dt.date(2012, 1, 1))
        assert landed(report, "prices")["date"].to_list() == [dt.date(2011, 12, 31)] * 2

    @pytest.mark.parametrize("order", [1, -1])
    def test_row_order_of_the_source_does_not_matter(
        self, m5: Path, tmp_path: Path, order: int
    ) -> None:
        first = import_m5(m5, tmp_path / "one")
        for name in ("sales_train_evaluation.csv", "sell_prices.csv", "calendar.csv"):
            header, *lines = (m5 / name).read_text().splitlines()
            (m5 / name).write_text("\n".join([header, *lines[::order]]) + "\n")
        assert contents(import_m5(m5, tmp_path / "two")) == contents(first)

    def test_progress_runs_to_the_end(self, m5: Path, tmp_path: Path) -> None:
        shares: list[float] = []
        import_m5(m5, tmp_path / "landing", lambda _, share: shares.append(share))
        assert shares == sorted(shares)
        assert shares[-1] == 1

    @pytest.mark.parametrize("name", ["calendar", "sales_train_evaluation", "sell_prices"])
    def test_missing_file(self, m5: Path, tmp_path: Path, name: str) -> None:
        (m5 / f"{name}.csv").unlink()
        with pytest.raises(PlatformError, match=rf"expected at .*{name}\.csv"):
            import_m5(m5, tmp_path / "landing")

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PlatformError, match="there is no such file"):
            import_m5(tmp_path / "nowhere", tmp_path / "landing")

    @pytest.mark.parametrize(
        ("name", "text", "sentence"),
        [
            ("calendar", "day,week\n1,2\n", "lacks the columns"),
            ("calendar", "", "cannot be read"),
            ("sell_prices", "store_id,item_id,wm_yr_wk,sell_price\n", "has no rows"),
            ("sales_train_evaluation", SALES.replace(",d_1,d_2,d_3", ",x,y,z"), "day columns"),
            ("sales_train_evaluation", SALES.replace("d_3", "d_99"), "d_99"),
            ("sales_train_evaluation", SALES.replace("2,0,1", "2,,1"), "some cells are empty"),
            ("sales_train_evaluation", SALES.replace("2,0,1", "2,two,1"), "cannot be read"),
        ],
    )
    def test_odd_file(self, m5: Path, tmp_path: Path, name: str, text: str, sentence: str) -> None:
        (m5 / f"{name}.csv").write_text(text)
        with pytest.raises(PlatformError, match=sentence):
            import_m5(m5, tmp_path / "landing")
        assert not (tmp_path / "landing").exists()

    def test_landing_that_cannot_be_written(self, m5: Path, tmp_path: Path) -> None:
        (tmp_path / "landing").write_text("a file, not a folder")
        with pytest.raises(PlatformError, match="could not be written"):
            import_m5(m5, tmp_path / "landing")

    @pytest.mark.parametrize("name", ["m5_tx3_foods3", "m5_panel600"])
    def test_real_totals(self, real_data: Path, tmp_path: Path, name: str) -> None:
        source = pl.read_csv(real_data / name / "sales_train_evaluation.csv")
        days = [c for c in source.columns if c.startswith("d_")]
        report = import_m5(real_data / name, tmp_path / "landing")
        sales = landed(report, "sales")
        assert sales["units"].sum() == source.select(pl.sum_horizontal(pl.sum(days))).item()
        assert sales["units"].min() == 1
        assert (report.last_day - report.first_day).days == len(days) - 1
        weeks = pl.read_csv(real_data / name / "calendar.csv").filter(pl.col("d").is_in(days))
        prices = pl.read_csv(real_data / name / "sell_prices.csv").filter(
            pl.col("wm_yr_wk").is_in(weeks["wm_yr_wk"].unique().implode())
        )
        assert report.rows["prices"] == prices.height
        assert_documented(report)

    def test_same_bytes_again(self, real_data: Path, tmp_path: Path) -> None:
        first = import_m5(real_data / "m5_panel600", tmp_path / "one")
        again = import_m5(real_data / "m5_panel600", tmp_path / "two")
        assert contents(first) == contents(again)
        assert not list((tmp_path / "one").rglob(".*"))


def fresh_frame() -> pl.DataFrame:
    """Two weeks of one series: an unknown discount, a stock-out, a day without sales."""
    days = pl.date_range(dt.date(2024, 3, 28), dt.date(2024, 4, 4), eager=True)
    return pl.DataFrame(
        {
            "city_id": 4,
            "store_id": 17,
            "management_group_id": 6,
            "first_category_id": 1,
            "second_category_id": 2,
            "third_category_id": 3,
            "product_id": 250,
            "dt": days,
            "sale_amount": pl.Series([0.9, 0, 1, 1, 1, 1, 1, 1], dtype=pl.Float32),
            "stock_hour6_22_cnt": [0, 16, 4, 0, 0, 0, 0, 0],
            "discount": pl.Series([0.0, 1, 0.8, 0.9, 0.01, 0.7, 0.7, 0.7], dtype=pl.Float32),
            "holiday_flag": [0, 0, 1, 1, 0, 0, 0, 0],
        }
    )


class TestFreshRetailNet:
    def test_series(self, tmp_path: Path) -> None:
        fresh_frame().write_parquet(tmp_path / "train.parquet")
        report = import_freshretailnet(tmp_path, tmp_path / "landing")
        sales = landed(report, "sales")
        assert sales.height == 7
        assert sales.row(0) == (dt.date(2024, 3, 28), "250", "17", 0.9, None)
        assert sales["unit_price"].to_list() == [None, 0.8, 0.9, None, 0.7, 0.7, 0.7]
        assert landed(report, "inventory").rows() == [
            (dt.date(2024, 3, 29), "250", "17", 0.0),
            (dt.date(2024, 3, 30), "250", "17", 0.75),
        ]
        # 1 April is a Monday; its discount is unknown, so the last known price holds.
        assert landed(report, "prices").rows() == [
            (dt.date(2024, 3, 28), "250", "17", 1.0),
            (dt.date(2024, 4, 1), "250", "17", 0.9),
        ]
        assert landed(report, "products").rows() == [("250", "1/2/3", "6")]
        assert landed(report, "locations").rows() == [("17", "city 4", "CN")]
        assert landed(report, "calendar")["date"].dt.day().to_list() == [30, 31]
        assert_documented(report)

    def test_folder_without_the_data(self, tmp_path: Path) -> None:
        with pytest.raises(PlatformError, match=r"One of train\.parquet"):
            import_freshretailnet(tmp_path, tmp_path / "landing")

    def test_other_parquet(self, tmp_path: Path) -> None:
        pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "x.parquet")
        with pytest.raises(PlatformError, match="lacks the columns"):
            import_freshretailnet(tmp_path / "x.parquet", tmp_path / "landing")

    def test_corrupt_parquet(self, tmp_path: Path) -> None:
        (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
        with pytest.raises(PlatformError, match="cannot be read"):
            import_freshretailnet(tmp_path / "x.parquet", tmp_path / "landing")

    def test_real_totals(self, real_data: Path, tmp_path: Path) -> None:
        path = real_data / "freshretailnet" / "train_sample.parquet"
        source = pl.read_parquet(path)
        report = import_freshretailnet(path, tmp_path / "landing")
        sales = landed(report, "sales")
        expected = source["sale_amount"].cast(pl.Float64).sum()
        assert sales["units"].sum() == pytest.approx(expected, rel=1e-7)
        assert sales.height == source.filter(pl.col("sale_amount") > 0).height
        stockouts = source.filter(pl.col("stock_hour6_22_cnt") > 0)
        lost_hours = (1 - landed(report, "inventory")["in_stock_share"]).sum() * 16
        assert lost_hours == stockouts["stock_hour6_22_cnt"].cast(pl.Int64).sum()
        assert report.rows["prices"] == 4851 * 13
        assert (report.first_day, report.last_day) == (source["dt"].min(), source["dt"].max())

    def test_same_bytes_again(self, real_data: Path, tmp_path: Path) -> None:
        source = real_data / "freshretailnet" / "train_sample.parquet"
        first = import_freshretailnet(source, tmp_path / "one")
        again = import_freshretailnet(source, tmp_path / "two")
        assert contents(first) == contents(again)


UCI = '''Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,"GLASS ""BALL""",12,2009-12-01 07:45:00,6.95,13085,United Kingdom
489434,85048,"GLASS ""BALL""",12,2009-12-01 07:45:00,6.95,13085,United Kingdom
489434,85048,"GLASS ""BALL""",3,2009-12-01 07:45:00,6.95,13085,United Kingdom
C489435, 79323p,LIGHTS,-1,2010-01-02 08:00:00,6.75,,United Kingdom
489436,POST,POSTAGE,1,2010-01-02 09:00:00,18.00,1,France
489437,79323P,,0,2010-01-02 09:00:00,-11062.06,1,France
'''


class TestOnlineRetail:
    def test_lines_pass_as_text(self, tmp_path: Path) -> None:
        (tmp_path / "uci.csv").write_text(UCI)
        report = import_online_retail(tmp_path / "uci.csv", tmp_path / "landing")
        first = ("2009-12-01", "85048", "WEB")
        assert landed(report, "sales").rows() == [
            (*first, "12", "6.95", "489434", "1"),
            (*first, "12", "6.95", "489434", "1"),
            (*first, "3", "6.95", "489434", "2"),
            ("2010-01-02", "79323P", "WEB", "-1", "6.75", "C489435", "1"),
            ("2010-01-02", "POST", "WEB", "1", "18.00", "489436", "1"),
            ("2010-01-02", "79323P", "WEB", "0", "-11062.06", "489437", "1"),
        ]
        assert landed(report, "products").rows() == [
            ("79323P", "LIGHTS", True),
            ("85048", 'GLASS "BALL"', True),
            ("POST", "POSTAGE", False),
        ]
        assert_documented(report)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("a,b\n1,2\n", "lacks the columns"),
            (UCI.replace("2009-12-01", "1/12/09").replace("2010-01-02", "2/1/10"), "invoice dates"),
            ("", "cannot be read"),
        ],
    )
    def test_other_file(self, tmp_path: Path, text: str, sentence: str) -> None:
        (tmp_path / "uci.csv").write_text(text)
        with pytest.raises(PlatformError, match=sentence):
            import_online_retail(tmp_path / "uci.csv", tmp_path / "landing")

    def test_truncated_gzip(self, real_data: Path, tmp_path: Path) -> None:
        whole = (real_data / "online_retail_ii" / "online_retail_II.csv.gz").read_bytes()
        (tmp_path / "uci.csv.gz").write_bytes(whole[:100_000])
        with pytest.raises(PlatformError, match="cannot be read"):
            import_online_retail(tmp_path / "uci.csv.gz", tmp_path / "landing")

    def test_real_lines_survive_and_only_repeats_share_a_key(
        self, real_data: Path, tmp_path: Path
    ) -> None:
        path = real_data / "online_retail_ii" / "online_retail_II.csv.gz"
        source = pl.read_csv(path, infer_schema=False)
        report = import_online_retail(path, tmp_path / "landing")
        sales = landed(report, "sales")
        assert sales.height == source.height
        assert sales["units"].cast(pl.Int64).sum() == source["Quantity"].cast(pl.Int64).sum()
        key = sales.select("date", "item_id", "location_id", "order_id", "order_line")
        assert key.unique().height == sales.unique().height == source.unique().height
        no_goods = landed(report, "products").filter(~pl.col("is_product"))["item_id"].to_list()
        assert {"POST", "DOT", "M", "BANK CHARGES", "AMAZONFEE"} <= set(no_goods)
        assert len(no_goods) < 40
