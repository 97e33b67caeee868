"""Daily demand forecasts and replenishment plans for every item at every location."""
