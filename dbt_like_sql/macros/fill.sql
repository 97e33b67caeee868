{#- Closes gaps in `column` from its own values of the last `days` days, the day itself included.
    Every strategy looks back only, so that no day changes when a later one becomes known. -#}
{% macro fill(column, strategy, days) -%}
{%- set window = 'over (partition by item_id, location_id order by date range between interval '
    ~ days ~ ' days preceding and current row)' -%}
{%- if strategy == 'none' -%} {{ column }}
{%- elif strategy == 'zero' -%} coalesce({{ column }}, 0)
{%- elif strategy == 'mean' -%} coalesce({{ column }}, avg({{ column }}) {{ window }})
{%- elif strategy == 'median' -%} coalesce({{ column }}, median({{ column }}) {{ window }})
{%- elif strategy == 'forward_fill' -%} last_value({{ column }} ignore nulls) {{ window }}
{%- else -%}
{{ exceptions.raise_compiler_error(
    "Gaps in " ~ column ~ " cannot be filled by " ~ strategy ~ ": expected none, zero, mean, "
    ~ "median or forward_fill. Interpolation needs the next known value, and no day may depend "
    ~ "on a later one."
) }}
{%- endif -%}
{%- endmacro %}
