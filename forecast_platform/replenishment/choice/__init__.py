"""Choice of policy: candidates, their expected cost by simulation, and which of them orders a SKU.

`rules` sets the levels of each candidate and is shared with the plan; `evaluate` simulates them on
demand that `paths` draws; `choose` decides; `table` puts them together for `policy_choice`. Only
`rules`, `chosen` and `pictures` load without the compiler.
"""
