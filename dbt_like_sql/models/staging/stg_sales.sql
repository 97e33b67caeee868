-- Postage, fees and manual lines carry no demand; items without a product row count as products.
select
    sales.date,
    sales.item_id,
    sales.location_id,
    sales.units,
    sales.unit_price
from {{ source('lake', 'validated_sales') }} as sales
left join {{ source('lake', 'validated_products') }} as products
    on sales.item_id = products.item_id
where
    coalesce(products.is_product, true)
    and sales.date <= {{ last_day() }}
