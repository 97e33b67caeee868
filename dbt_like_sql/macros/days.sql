{#- Last day to build, as a date literal or, without the variable, the last day of any sale. -#}
{% macro last_day() -%}
{%- if var('last_day') -%} date '{{ var('last_day') }}'
{%- else -%} (select max(sold.date) from {{ source('lake', 'validated_sales') }} as sold)
{%- endif -%}
{%- endmacro %}

{#- First day to build, as a date literal or, without the variable, before any data. -#}
{% macro first_day() -%}
date '{{ var('first_day') or '0001-01-01' }}'
{%- endmacro %}
