"""Contracts of every table, the checks at both borders, and the catalog, which is the only thing that does I/O.

To add a table: write one `Table` value in the module of its layer (`silver`, `gold`, `gold_texts`, `ops`); nothing else registers it.
Needs care: a changed column is a published contract; additions must be nullable (see `catalog.evolve`).
Does not belong here: how a column is computed (that is the room's that owns the meaning).
"""

from social_signals.tables.table import Table, column

__all__ = ["Table", "column"]
