import datetime as dt

import pytest
from plan_shop import DAY, landed_rows

from forecast_platform.errors import PlatformError
from forecast_platform.replenishment import explain

SALES = landed_rows(
    "sales",
    [
        {"date": DAY - dt.timedelta(days=d), "item_id": item, "location_id": "l0", "units": units,
         "file": file, "row_number": d + 1}
        for d, item, units, file in [
            (2, "i0", 3.0, "may.csv"), (1, "i0", -1.0, "may.csv"), (0, "i0", 2.0, "june.csv"),
            (0, "i1", 9.0, "june.csv"), (-1, "i0", 50.0, "july.csv"),
        ]
    ],
)  # fmt: skip
MODEL = {"run_id": "run7", "reason": "best WAPE of its cutoff"}


def explained(shop, item="i0"):
    return explain(shop.line(item), shop.tables["forecasts"], SALES, MODEL)


@pytest.mark.parametrize("stock", [0.0, 10.0, 500.0, None])
def test_every_sum_adds_up(shop, stock):
    shop = shop if stock is None else shop.stock(stock, reserved=3.0)
    for item in ("i0", "i3"):
        explanation = explained(shop, item)
        assert [s.label for s in explanation.sums][:3] == [
            "inventory position", "reorder point", "order-up-to level",
        ]  # fmt: skip
        for figure in explanation.sums:
            assert sum(value for _, value in figure.parts) == pytest.approx(figure.total)


def test_the_order_quantity_is_taken_back_to_the_position(shop):
    line = shop.stock(10.0).line()
    raw, order = explained(shop.stock(10.0)).sums[-2:]
    assert dict(raw.parts)["inventory position"] == -line["inventory_position"]
    assert (raw.total, order.total) == (line["raw_quantity"], line["order_quantity"])


def test_the_daily_forecast_covers_the_protection_period(shop):
    daily = explained(shop).daily_forecast
    assert len(daily) == 12
    assert daily[0] == (DAY + dt.timedelta(days=1), 1.0)


def test_sales_come_with_their_landed_files_and_none_from_after_the_day(shop):
    explanation = explained(shop)
    assert (explanation.sales_days, explanation.sales_units) == (2, 4.0)
    assert [(s.file, s.rows) for s in explanation.sources] == [("june.csv", 1), ("may.csv", 2)]


def test_the_text_names_model_cutoff_files_and_reasons(shop):
    text = "\n".join(explained(shop.stock(10.0)).lines())
    for part in ("order 80 units from s0", "lstm version 3", "2024-05-02", "run7", "may.csv",
                 "ROUNDED_TO_PACKS", "packs of 4"):  # fmt: skip
        assert part in text


def test_a_line_without_a_forecast_is_explained_by_its_reasons(shop):
    empty = {name: shop.tables[name].clear() for name in ("forecasts", "lead_time_demand")}
    explanation = explained(shop.stock(3.0).having(**empty))
    assert "no quantity can be told" in explanation.title
    assert explanation.reasons[0][0] == "NO_FORECAST"
    assert explanation.lines()


def test_a_row_of_another_table_is_refused_by_name(shop):
    with pytest.raises(PlatformError, match="inventory_position, reason_codes lack"):
        explain(
            {"date": DAY, "item_id": "i0", "location_id": "l0"}, *[shop.tables["forecasts"]] * 2
        )
