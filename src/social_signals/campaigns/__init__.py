"""Who fits a brief, and whom to book together.

May be added by writing one function: a part of fit (a frame by user_id, a line in `shortlist.judged` and in `PARTS`), a filter (a
condition and its name in `shortlist.FILTERS`). Needs care: columns of gold.shortlists are a published contract; `selection` promises a
share of the best choice only where a theorem does. Does not belong here: who is influential (`scoring`), how a message spreads
(`network.reach`), reading and writing (`jobs`).
"""

from social_signals.campaigns.params import BriefParams, ShortlistParams
from social_signals.campaigns.shortlist import Known, Textual, Topical, judged

__all__ = ["BriefParams", "Known", "ShortlistParams", "Textual", "Topical", "judged"]
