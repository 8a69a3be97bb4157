"""Both borders check the contract, so that drift shows up at the table's name and not three joins later."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.types import StructField, StructType

from social_signals.core.errors import ContractError
from social_signals.tables.table import Table


@dataclass(frozen=True)
class Drift:
    """How a schema differs from a contract: names missing from it, names it has in addition, names of another type."""

    missing: list[StructField]
    extra: list[StructField]
    retyped: list[tuple[StructField, StructField]]

    @property
    def is_none(self) -> bool:
        return not (self.missing or self.extra or self.retyped)


def drift(found: StructType, expected: StructType) -> Drift:
    """Differences by name and type; the order of columns and nullability do not count.

    >>> from pyspark.sql.types import IntegerType, LongType, StringType
    >>> found = StructType().add("a", IntegerType()).add("c", IntegerType())
    >>> d = drift(found, StructType().add("a", LongType()).add("b", StringType()))
    >>> [f.name for f in d.missing], [f.name for f in d.extra], [f.name for f, _ in d.retyped]
    (['b'], ['c'], ['a'])
    """
    by_name = {f.name: f for f in found}
    wanted = {f.name: f for f in expected}
    return Drift(
        missing=[f for f in expected if f.name not in by_name],
        extra=[f for f in found if f.name not in wanted],
        retyped=[
            (by_name[f.name], f)
            for f in expected
            if f.name in by_name and by_name[f.name].dataType.simpleString() != f.dataType.simpleString()
        ],
    )


def words(schema: StructType) -> str:
    """`user_id string, event_ts timestamp`: a schema as an error message shows it."""
    return ", ".join(f"{f.name} {f.dataType.simpleString()}" for f in schema)


def require_contract(table: Table, found: StructType, *, what: str) -> None:
    """Raise ContractError, naming both schemas, unless `found` has exactly the contract's columns and types."""
    difference = drift(found, table.schema)
    if not difference.is_none:
        raise ContractError(_sentence(table, found, difference, what=what), hint=_advice(table, difference))


def _sentence(table: Table, found: StructType, difference: Drift, *, what: str) -> str:
    parts = []
    if difference.missing:
        parts.append("without " + ", ".join(f.name for f in difference.missing))
    if difference.extra:
        parts.append("with the unknown " + ", ".join(f.name for f in difference.extra))
    if difference.retyped:
        parts.append("with other types for " + ", ".join(f.name for f, _ in difference.retyped))
    return (
        f"{what} of {table.name} does not fit its contract: it comes {'; '.join(parts)}.\n"
        f"  found:    {words(found)}\n  expected: {words(table.schema)}"
    )


def _advice(table: Table, difference: Drift) -> str:
    if difference.retyped:
        return f"cast the columns, or point the catalog at another root: {table.name} there belongs to something else"
    return "an added nullable column is taken on with catalog.evolve=true; otherwise correct the mapping or the root"
