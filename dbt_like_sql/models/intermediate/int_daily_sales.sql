-- Sums are taken in decimals: the sum of floats depends on the order of rows, and so on threads.
with daily as (
    select
        date,
        item_id,
        location_id,
        sum(cast(greatest(units, 0) as decimal(18, 6))) as gross_units,
        sum(cast(greatest(-units, 0) as decimal(18, 6))) as returned_units,
        sum(cast(units * unit_price as decimal(24, 6))) filter (where units > 0) as paid,
        sum(cast(units as decimal(18, 6))) filter (
            where units > 0 and unit_price is not null
        ) as paid_units
    from {{ ref('stg_sales') }}
    -- A line of zero units shows neither demand nor an offer.
    where units <> 0
    group by date, item_id, location_id
)

select
    date,
    item_id,
    location_id,
    cast(gross_units as double) as gross_units,
    cast(returned_units as double) as returned_units,
    cast(gross_units - returned_units as double) as net_units,
    cast(paid as double) / nullif(cast(paid_units as double), 0) as paid_price
from daily
