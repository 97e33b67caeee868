with running as (
    select
        item_id,
        location_id,
        discount,
        cast(
            unnest(
                generate_series(
                    greatest(first_day, {{ first_day() }}),
                    least(last_day, {{ last_day() }}),
                    interval 1 day
                )
            ) as date
        ) as date
    from {{ ref('stg_promotions') }}
)

select
    date,
    item_id,
    location_id,
    max(discount) as discount
from running
group by date, item_id, location_id
