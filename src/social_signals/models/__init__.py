"""From past slices to a model that says what it was made of: labels, training, calibration, evaluation, artefact.

To add a model: its labels in `labels`, its training in a module of its own that returns an `Artefact`, its knobs in
`params`. Needs care: `artefact` (its files and the card are what scoring, the registry and the report read) and
`distributed` (the only place that trains on Spark).
Does not belong here: applying a model to a slice (`scoring`), reading and writing tables (`jobs`), MLflow (`tracking`).
"""
