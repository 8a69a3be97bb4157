"""Who acts towards whom, as a graph, and what a person's place in it says.

Edges and everything that is counted of them are frames of Spark. Algorithms that go round until nothing changes keep a number a person
on the driver and the edges, packed, where the tasks are: a round moves numbers, never edges, and has no lineage to cut.
"""

from social_signals.network.features import network_of
from social_signals.network.params import NetworkParams

__all__ = ["NetworkParams", "network_of"]
