"""How good is it: cut-offs split by time, and metrics that carry their definition and an interval.

To add a metric: one function of labels and scores with its formula, what a tie and an empty group give, and a doctest.
Needs care: the names under `metrics` in the last line of a job are published. Does not belong here: anything that
trains (`models`), reads a table (`jobs`) or draws (`reports`).
"""
