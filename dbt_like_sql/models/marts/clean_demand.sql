with days as (
    select
        offers.*,
        stock.on_hand,
        coalesce(stock.is_stockout, false) as is_stockout,
        coalesce(stock.is_censored, false) as is_censored,
        local.item_id is not null or everywhere.item_id is not null as on_promotion,
        coalesce(greatest(local.discount, everywhere.discount), 0) as discount,
        fences.upper_fence
    from {{ ref('int_offer_days') }} as offers
    left join {{ ref('stg_inventory') }} as stock
        on
            offers.date = stock.date
            and offers.item_id = stock.item_id
            and offers.location_id = stock.location_id
    left join {{ ref('int_promotion_days') }} as local
        on
            offers.date = local.date
            and offers.item_id = local.item_id
            and offers.location_id = local.location_id
    left join {{ ref('int_promotion_days') }} as everywhere
        on
            offers.date = everywhere.date
            and offers.item_id = everywhere.item_id
            and everywhere.location_id is null
    left join {{ ref('int_outlier_fences') }} as fences
        on
            offers.date = fences.date
            and offers.item_id = fences.item_id
            and offers.location_id = fences.location_id
),

demand as (
    select
        *,
        -- No sale means no demand only where the item was on offer and the shelf was full.
        case
            when not is_on_offer or is_censored then null
            when is_stockout and net_units <= 0 then null
            else greatest(net_units, 0)
        end as demand_units
    from days
),

flagged as (
    select
        *,
        -- A peak under a promotion is demand that was asked for.
        coalesce(demand_units > upper_fence, false) and not on_promotion as is_outlier
    from demand
)

select
    date,
    item_id,
    location_id,
    cast(gross_units as float) as gross_units,
    cast(returned_units as float) as returned_units,
    cast(net_units as float) as net_units,
    cast(demand_units as float) as demand_units,
    cast(case when is_outlier then upper_fence else demand_units end as float) as demand_winsorised,
    is_outlier,
    cast(price as float) as price,
    on_promotion,
    cast(discount as float) as discount,
    cast(on_hand as float) as on_hand,
    is_stockout,
    is_on_offer and not is_stockout as is_available
from flagged
