select
    date,
    item_id,
    location_id,
    price as shelf_price
from {{ source('lake', 'validated_prices') }}
where date <= {{ last_day() }}
