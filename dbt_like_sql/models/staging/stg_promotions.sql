-- A promotion announced after its start is known, and counts, only from its announcement on.
select
    date as announced_on,
    item_id,
    location_id,
    greatest(date, start_date) as first_day,
    least(end_date, date + {{ var('announced_days') }}) as last_day,
    coalesce(discount, 0) as discount
from {{ source('lake', 'validated_promotions') }}
where date <= {{ last_day() }}
