-- Gross less returned units are the net units; 32-bit figures leave a rounding difference.
select *
from {{ ref('clean_demand') }}
where abs(gross_units - returned_units - net_units) > 1e-3 + 1e-6 * (gross_units + returned_units)
