"""What is wrong with a home, told to people and to monitoring.

`findings.py` looks, `doctor`, alerts, the health page and the metrics all tell what it found.
Dagster's own records are read in `defs/records.py`. Does not belong here: mending anything.
"""
