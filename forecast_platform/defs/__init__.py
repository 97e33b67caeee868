"""Everything Dagster sees; the only room that imports Dagster, and one without arithmetic."""
