-- An available day has a demand; a winsorised demand is never above the demand.
select *
from {{ ref('clean_demand') }}
where
    (is_available and demand_units is null)
    or demand_winsorised > demand_units
    or (demand_units is null) != (demand_winsorised is null)
