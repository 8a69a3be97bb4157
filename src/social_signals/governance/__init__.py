"""Serves the person behind the row: who agreed to what, and ids that do not lead back to a name.

Add here: a rule about what may be done with a person's data, as a pure function from frames to frames.
Needs care: `only_consented` decides who is seen at all; it respects both clocks, so that a consent given tomorrow does not
change what was known yesterday.
Does not belong here: reading and writing tables (`jobs`), how a score is made (`models`).
"""

from social_signals.governance.consent import ConsentParams, only_consented
from social_signals.governance.pseudonyms import pseudonym, read_key

__all__ = ["ConsentParams", "only_consented", "pseudonym", "read_key"]
