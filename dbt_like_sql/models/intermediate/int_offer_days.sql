-- An item is on offer from a sale or a price row on, until neither has been seen for the window.
with events as (
    select
        date,
        item_id,
        location_id,
        gross_units,
        returned_units,
        net_units,
        paid_price,
        shelf_price,
        case when gross_units > 0 or shelf_price is not null then date end as offer_date
    from {{ ref('int_daily_sales') }}
    full join {{ ref('stg_prices') }} using (date, item_id, location_id)
),

stretches as (
    select
        *,
        max(offer_date) over up_to_now as offered_on,
        lead(date) over up_to_now as next_date
    from events
    window up_to_now as (partition by item_id, location_id order by date)
),

-- Each event holds until the day before the next one. A return of an item no longer on offer is
-- kept, as a day of its own.
days as (
    select
        date as event_date,
        item_id,
        location_id,
        gross_units,
        returned_units,
        net_units,
        paid_price,
        shelf_price,
        offered_on,
        cast(
            unnest(
                generate_series(
                    date,
                    greatest(
                        date,
                        least(
                            next_date - 1,
                            coalesce(offered_on + {{ var('offer_days') }}, date),
                            {{ last_day() }}
                        )
                    ),
                    interval 1 day
                )
            ) as date
        ) as date
    from stretches
),

own_day as (
    select
        date,
        item_id,
        location_id,
        coalesce(date - offered_on <= {{ var('offer_days') }}, false) as is_on_offer,
        case when date = event_date then gross_units end as gross_units,
        case when date = event_date then returned_units end as returned_units,
        case when date = event_date then net_units end as net_units,
        case when date = event_date then paid_price end as paid_price,
        case when date = event_date then shelf_price end as shelf_price
    from days
),

filled as (
    select
        date,
        item_id,
        location_id,
        is_on_offer,
        gross_units,
        returned_units,
        net_units,
        coalesce(
            {{ fill('shelf_price', var('shelf_price_fill'), var('offer_days')) }},
            {{ fill('paid_price', var('paid_price_fill'), var('offer_days')) }}
        ) as price
    from own_day
)

select
    date,
    item_id,
    location_id,
    is_on_offer,
    coalesce(gross_units, 0) as gross_units,
    coalesce(returned_units, 0) as returned_units,
    coalesce(net_units, 0) as net_units,
    price
from filled
where date >= {{ first_day() }}
