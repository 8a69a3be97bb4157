"""A model applied to a slice of features: probabilities, ranks and the reasons, as the gold tables want them.

Batch and stream share the row-wise part (`predict_*`), which needs no look at other rows; ranks and deciles need the
whole slice and come after. Does not belong here: training (`models`), reading and writing tables (`jobs`).
"""
