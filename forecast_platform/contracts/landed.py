"""Contracts of the tables a shop lands."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table
from forecast_platform.contracts.signals import SIGNALS

_ITEM = Column("item_id", DType.STRING, "Item sold or stocked.", refers_to="products")
_LOCATION = Column("location_id", DType.STRING, "Shop or warehouse.", refers_to="locations")

SALES = Table(
    name="sales",
    description="Order lines or daily totals of units sold; negative units are returns.",
    grain="one row per order line, or per item, location and day",
    key=("date", "item_id", "location_id", "order_id", "order_line"),
    columns=(
        Column("date", DType.DATE, "Local business day of the sale."),
        _ITEM,
        _LOCATION,
        Column(
            "units",
            DType.FLOAT,
            "Units sold; negative for returns and cancellations.",
            "units",
            minimum=-1_000_000,
            maximum=1_000_000,
        ),
        Column(
            "unit_price",
            DType.FLOAT,
            "Price paid per unit.",
            "currency",
            required=False,
            minimum=0,
            maximum=10_000_000,
            fill="forward_fill",
        ),
        Column(
            "order_id", DType.STRING, "Order or invoice; empty for daily totals.", required=False
        ),
        Column("order_line", DType.STRING, "Line within the order.", required=False),
    ),
)

PRODUCTS = Table(
    name="products",
    description="Items and their attributes.",
    grain="one row per item",
    key=("item_id",),
    day=None,
    columns=(
        Column("item_id", DType.STRING, "Item identifier."),
        Column("name", DType.STRING, "Name shown to people.", required=False),
        Column("category", DType.STRING, "Category.", required=False, default="uncategorised"),
        Column("department", DType.STRING, "Department.", required=False, default="all"),
        Column(
            "is_product",
            DType.BOOL,
            "False for postage, fees and manual lines, which carry no demand.",
            required=False,
            default="true",
        ),
        Column("unit_cost", DType.FLOAT, "Purchase cost per unit.", "currency", False, minimum=0),
        Column("supplier_id", DType.STRING, "Supplier the item is bought from.", required=False),
        Column(
            "volume",
            DType.FLOAT,
            "Volume of a unit, in any one measure.",
            "volume",
            False,
            minimum=0,
        ),
    ),
)

LOCATIONS = Table(
    name="locations",
    description="Shops and warehouses.",
    grain="one row per location",
    key=("location_id",),
    day=None,
    columns=(
        Column("location_id", DType.STRING, "Location identifier."),
        Column("name", DType.STRING, "Name shown to people.", required=False),
        Column(
            "region", DType.STRING, "Region or state, also the holiday subdivision.", required=False
        ),
        Column("country", DType.STRING, "ISO 3166 country, selects the holidays.", required=False),
    ),
)

PRICES = Table(
    name="prices",
    description="Shelf price of an item at a location from a day on.",
    grain="one row per item, location and first day of the price",
    key=("date", "item_id", "location_id"),
    columns=(
        Column("date", DType.DATE, "First day on which the price holds."),
        _ITEM,
        _LOCATION,
        Column("price", DType.FLOAT, "Price per unit.", "currency", positive=True,
               maximum=10_000_000, fill="forward_fill"),
    ),
)  # fmt: skip

PROMOTIONS = Table(
    name="promotions",
    description="Promotions, dated by the day they were announced.",
    grain="one row per item, location and promotion",
    key=("date", "item_id", "location_id", "start_date"),
    columns=(
        Column("date", DType.DATE, "Day the promotion was announced."),
        _ITEM,
        Column("location_id", DType.STRING, "Location; empty for all.", required=False,
               refers_to="locations"),
        Column("start_date", DType.DATE, "First day of the promotion."),
        Column("end_date", DType.DATE, "Last day of the promotion."),
        Column("kind", DType.STRING, "Kind of promotion.", required=False, default="discount"),
        Column("discount", DType.FLOAT, "Price cut.", "share", False, minimum=0, maximum=1),
    ),
)  # fmt: skip

INVENTORY = Table(
    name="inventory",
    description="Stock at the close of a day.",
    grain="one row per item, location and day",
    key=("date", "item_id", "location_id"),
    columns=(
        Column("date", DType.DATE, "Business day at whose close the stock was counted."),
        _ITEM,
        _LOCATION,
        Column("on_hand", DType.FLOAT, "Units on hand at close.", "units", False,
               minimum=-1_000_000, maximum=100_000_000),
        Column("reserved", DType.FLOAT, "Units on hand that are promised.", "units", False,
               minimum=0, default="0", fill="zero"),
        Column("in_stock_share", DType.FLOAT, "Share of opening hours with stock on the shelf.",
               "share", False, minimum=0, maximum=1),
    ),
)  # fmt: skip

PURCHASE_ORDERS = Table(
    name="purchase_orders",
    description="Order lines sent to suppliers, dated by the day they were sent.",
    grain="one row per purchase order line",
    key=("date", "order_id", "item_id", "location_id"),
    columns=(
        Column("date", DType.DATE, "Day the order was sent."),
        Column("order_id", DType.STRING, "Purchase order."),
        _ITEM,
        _LOCATION,
        Column("supplier_id", DType.STRING, "Supplier.", required=False),
        Column(
            "quantity", DType.FLOAT, "Units ordered.", "units", positive=True, maximum=100_000_000
        ),
        Column("expected_date", DType.DATE, "Day the goods are expected."),
        Column(
            "received_date", DType.DATE, "Day the goods arrived; empty while open.", required=False
        ),
    ),
)

SUPPLIERS = Table(
    name="suppliers",
    description="Supplier terms, for all items or for one.",
    grain="one row per supplier, or per supplier and item",
    key=("supplier_id", "item_id"),
    day=None,
    columns=(
        Column("supplier_id", DType.STRING, "Supplier identifier."),
        Column("item_id", DType.STRING, "Item these terms hold for; empty: all.", required=False),
        Column("name", DType.STRING, "Name shown to people.", required=False),
        Column("lead_time_days", DType.FLOAT, "Mean days from order to receipt.", "days",
               minimum=0, maximum=365),
        Column("lead_time_std_days", DType.FLOAT, "Standard deviation of the lead time.", "days",
               False, minimum=0, maximum=365, default="0"),
        Column("review_days", DType.INT, "Days between two chances to order.", "days", False,
               minimum=1, maximum=365, default="7"),
        Column("min_order_quantity", DType.FLOAT, "Smallest order line.", "units", False, minimum=0,
               default="0"),
        Column("pack_size", DType.FLOAT, "Units per pack; orders are whole packs.", "units", False,
               positive=True, default="1"),
        Column("order_cost", DType.FLOAT, "Fixed cost of one order line.", "currency", False,
               minimum=0),
        Column("min_order_value", DType.FLOAT, "Least value of all orders of a day together, if "
               "any is placed; on the row for all items.", "currency", False, minimum=0),
        Column("order_weekdays", DType.STRING, "Weekdays on which the supplier takes orders, such "
               "as 'mon,thu', public holidays excepted; empty: any day. On the row for all items.",
               required=False),
    ),
)  # fmt: skip

CALENDAR = Table(
    name="calendar",
    description="Events known in advance (fairs, paydays, sports); public holidays are added.",
    grain="one row per day, event and region",
    key=("date", "event", "region"),
    day=None,
    columns=(
        Column("date", DType.DATE, "Day of the event."),
        Column("event", DType.STRING, "Name of the event."),
        Column("kind", DType.STRING, "Kind of event.", required=False, default="event"),
        Column("region", DType.STRING, "Region it concerns; empty for all.", required=False),
    ),
)

LANDED = (
    SALES, PRODUCTS, LOCATIONS, PRICES, PROMOTIONS, INVENTORY, PURCHASE_ORDERS, SUPPLIERS, CALENDAR,
    *SIGNALS,
)  # fmt: skip
