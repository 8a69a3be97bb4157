"""What a person gathers as a creator: how it moves over time, what comes back in words, and how much of it looks bought.

May be added by one column and one line in `tables.gold_creators`: a measure, in `measures`. By a ratio with its
threshold, its most and its sentence in `signs`: a sign of inauthentic engagement.
Needs care: signs accuse people. Each has a least number of engagements, a threshold that moves with the tier, and words that say
what was counted; a clean person has a discount of exactly 0.
Does not belong here: a person's place in the network (`network`), scores (`scoring`), reading and writing (`jobs`).
"""

from social_signals.creators.assess import creators_of
from social_signals.creators.params import CreatorParams

__all__ = ["CreatorParams", "creators_of"]
