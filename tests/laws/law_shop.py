"""A tiny shop as landing files, and what can happen to it.

A landing folder is a mapping from "table/file" to bytes, so that a history of arrivals and the
folder it ends in can be compared without touching the disk.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import numpy as np

from forecast_platform.storage import Place, write_whole

Files = dict[str, bytes]

FIRST = dt.date(2024, 1, 8)
DAYS = 66
LAST = FIRST + dt.timedelta(days=DAYS - 1)
ITEMS = ("APPLE", "BREAD", "CHEESE")
PLACE = "S1"

_SALES = "date,item_id,location_id,units,unit_price,order_id,order_line"


def day(n: int) -> dt.date:
    """The n-th day of the shop, counted from 0."""
    return FIRST + dt.timedelta(days=n)


def csv(header: str, rows: Iterable[Sequence[object]]) -> bytes:
    """A csv file; None is an empty cell."""
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    return "\n".join([header, *lines, ""]).encode()


def sales(rows: Iterable[Sequence[object]]) -> bytes:
    """A sales file of rows (date, item, units)."""
    return csv(_SALES, ((date, item, PLACE, units, 2.5, None, None) for date, item, units in rows))


def sales_of(n: int) -> list[tuple[dt.date, str, int]]:
    """What was sold on the n-th day: a weekly pattern with noise, and some days without a sale."""
    draw = np.random.default_rng(n)
    units = draw.poisson([6 + 3 * (n % 7 > 4), 4, 1])
    return [(day(n), item, int(u)) for item, u in zip(ITEMS, units, strict=True) if u > 0]


def stock_of(n: int) -> list[tuple[object, ...]]:
    """Stock at the close of the n-th day; cheese runs out once."""
    held = [30 - n % 14, 25 - n % 9, 0 if n % 23 == 5 else 8]
    return [(day(n), item, PLACE, units) for item, units in zip(ITEMS, held, strict=True)]


def inventory(numbers: Iterable[int]) -> bytes:
    """The inventory file of some days."""
    return csv("date,item_id,location_id,on_hand", (row for n in numbers for row in stock_of(n)))


def prices(rows: Iterable[tuple[dt.date, str, float]]) -> bytes:
    """A price file of rows (date, item, price)."""
    return csv("date,item_id,location_id,price", ((d, i, PLACE, p) for d, i, p in rows))


def promotions(rows: Iterable[tuple[dt.date, str, dt.date, dt.date, float]]) -> bytes:
    """A promotion file of rows (announced, item, start, end, discount)."""
    return csv("date,item_id,location_id,start_date,end_date,discount",
               ((d, i, PLACE, s, e, x) for d, i, s, e, x in rows))  # fmt: skip


def purchase_orders(rows: Iterable[tuple[dt.date, str, str, int, dt.date, object]]) -> bytes:
    """A file of order lines (date, order, item, quantity, expected, received)."""
    return csv("date,order_id,item_id,location_id,supplier_id,quantity,expected_date,received_date",
               ((d, o, i, PLACE, "V1", q, e, r) for d, o, i, q, e, r in rows))  # fmt: skip


def products(costs: Sequence[float] = (1.0, 1.5, 4.0), category: str = "fresh") -> bytes:
    """The product file."""
    return csv("item_id,name,category,unit_cost,supplier_id",
               ((i, i.lower(), category, c, "V1")
                for i, c in zip(ITEMS, costs, strict=True)))  # fmt: skip


def opening(last: int = DAYS - 1) -> Files:
    """The landing folder of the shop after its days 0 to `last`."""
    numbers = range(last + 1)
    weeks = [numbers[i : i + 21] for i in range(0, len(numbers), 21)]
    sold = {f"sales/{day(part[0])}.csv": sales(row for n in part for row in sales_of(n))
            for part in weeks}  # fmt: skip
    held = {f"inventory/{day(part[0])}.csv": inventory(part) for part in weeks}
    mondays = [(day(n), item, 2.5 + n % 3) for n in numbers if n % 14 == 0 for item in ITEMS]
    orders = [
        (day(n), f"PO{n}", ITEMS[n % 3], 12, day(n + 4), day(n + 5) if n + 5 <= last else None)
        for n in numbers
        if n % 6 == 2
    ]
    deals = [(day(n), ITEMS[n % 3], day(n + 3), day(n + 8), 0.2) for n in numbers if n % 17 == 1]
    return {
        **sold,
        **held,
        "prices/prices.csv": prices(mondays),
        "promotions/promotions.csv": promotions(deals),
        "purchase_orders/orders.csv": purchase_orders(orders),
        "products/products.csv": products(),
        "locations/locations.csv": csv("location_id,region,country", [(PLACE, "CA", "US")]),
        "suppliers/suppliers.csv": csv(
            "supplier_id,lead_time_days,lead_time_std_days,review_days", [("V1", 4, 1, 7)]
        ),
        "calendar/events.csv": csv("date,event", [(day(20), "Fair"), (day(70), "Payday")]),
    }


def late_sales(rows: list[tuple[int, str, int]]) -> Files:
    """More units of items on days that are past."""
    return {"sales/late.csv": sales((day(n), item, u) for n, item, u in rows)}


def corrected_sales(file: int, row: int, units: int, dropped: int) -> Files:
    """A landed sales file with one row changed and one day, even the first or last, withdrawn."""
    numbers = range(21 * file, min(21 * (file + 1), DAYS))
    rows = [r for n in numbers if n != numbers[-1 - dropped] for r in sales_of(n)]
    rows[row % len(rows)] = (*rows[row % len(rows)][:2], units)
    return {f"sales/{day(21 * file)}.csv": sales(rows)}


def new_days(n: int) -> Files:
    """Sales and stock of the `n` days after the opening."""
    numbers = range(DAYS, DAYS + n)
    return {
        "sales/new.csv": sales(row for k in numbers for row in sales_of(k)),
        "inventory/new.csv": inventory(numbers),
    }


def again(n: int) -> Files:
    """A day's sales once more in another file."""
    return {"sales/again.csv": sales(sales_of(n))}


DIRT = (
    b"date,item_id,location_id,units\n"
    b"2024-02-01,APPLE,S1,many\n"
    b"2024-02-02,NO SUCH ITEM,S1,3\n"
    b"some day,BREAD,S1,3\n"
    b"2031-01-01,BREAD,S1,3\n"
    b"2024-02-05,BREAD,S1,7\n"
    b"2024-02-05,BREAD,S1,7\n"
)
"""A sales file with an unreadable number, unknown item, undated, future and repeated rows."""


def rows_in(files: Files) -> dict[str, int]:
    """Data rows of every file."""
    return {name: len(content.decode().strip().split("\n")) - 1 for name, content in files.items()}


def put(landing: Place, files: Files) -> None:
    """Write files into a landing folder, each in one step, as a careful sender does."""
    for name, content in files.items():
        write_whole(landing / name, content)
