"""The ground floor: errors, logs, the run's identity, the jar list and the only place a Spark session is made.

Belongs here: what every room needs and that knows nothing of social data.
Does not belong here: anything that names a table (`tables`), a metric (`evaluation`) or a config file (`jobs`).
"""
