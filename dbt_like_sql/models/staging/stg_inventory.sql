select
    date,
    item_id,
    location_id,
    on_hand,
    coalesce(on_hand <= 0, false) or coalesce(in_stock_share < 1, false) as is_stockout,
    -- Sales of such a day say little about demand: the shelf was empty for most of it, or at close.
    coalesce(on_hand <= 0, false) or coalesce(in_stock_share < 0.5, false) as is_censored
from {{ source('lake', 'validated_inventory') }}
where date between {{ first_day() }} and {{ last_day() }}
