-- Weekly peaks rather than days: what is ordinary includes the best day of an ordinary week, and
-- there are few enough of them for quartiles to be quick.
with peaks as (
    select
        item_id,
        location_id,
        date_trunc('week', date) as week,
        max(net_units) as peak_units
    from {{ ref('int_daily_sales') }}
    where net_units > 0
    group by item_id, location_id, date_trunc('week', date)
),

-- Whole weeks before the day's own week, none of it older than the window.
quartiles as (
    select
        item_id,
        location_id,
        week,
        quantile_disc(peak_units, [0.25, 0.75]) over earlier as quartile,
        count(*) over earlier as weeks
    from peaks
    window earlier as (
        partition by item_id, location_id
        order by week
        range between interval {{ var('outlier_days') - 7 }} days preceding
            and interval 7 days preceding
    )
),

-- Root of counts: 2 * sqrt(x + 3/8) gives Poisson counts a variance of one (Anscombe 1948).
roots as (
    select
        item_id,
        location_id,
        week,
        2 * sqrt(quartile[1] + 0.375) as lower_root,
        2 * sqrt(quartile[2] + 0.375) as upper_root
    from quartiles
    where weeks >= {{ var('outlier_weeks') }}
),

-- Outer fence: three spreads above the upper quartile (Tukey 1977), the spread no smaller than
-- that of Poisson counts, 1.349 standard deviations.
fences as (
    select
        item_id,
        location_id,
        week,
        (upper_root + 3 * greatest(upper_root - lower_root, 1.349)) / 2 as root_fence
    from roots
)

select
    daily.date,
    daily.item_id,
    daily.location_id,
    fences.root_fence * fences.root_fence - 0.375 as upper_fence
from {{ ref('int_daily_sales') }} as daily
inner join fences
    on
        daily.item_id = fences.item_id
        and daily.location_id = fences.location_id
        and date_trunc('week', daily.date) = fences.week
where
    daily.net_units > 0
    and daily.date >= {{ first_day() }}
