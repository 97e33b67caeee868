"""Classic inventory policies: closed forms and exact algorithms of the textbooks.

Arrays in, arrays out where a formula allows it; costs are per unit and period of the demand given.
Each module states its source. Nothing here knows of plans, frames or the lake.
"""
