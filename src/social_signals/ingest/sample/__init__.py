"""A generated world with known truth: `source=sample`, the tests, and whoever wants to know if a model finds what is there.

`sample_tables(spark, params)` gives the silver tables, `sample_truth(spark, params)` what no table says. Every draw is a hash
of (seed, name of the draw, keys), so the same params give the same rows at any parallelism; rows are made where they
are needed from `spark.range`, and only the people (a few hundred bytes each) are worked out first and sent to every task.

The truth, at the default params (`noise=1`):

- **Communities**: 8, one interest each; a person is in one. 8 in 10 possible readers of a post are of its author's
  community (`homophily`), and the author's six friends, the nearest by number, come on top. Posts are about the
  community's topic 9 times in 10, purchases 8 in 10.
- **Experience** e of a person at a time: 0.7 fortune (stays) + 0.714 slow waves of 14 to 70 weeks + the reception of a
  newcomer (-2.7 for 35 in 100, 0.3 for the rest; halved after 6 weeks). Mean about 0, deviation about 1.
- **What follows e**: activity = logistic(1.2 + 2.4 e), the share of a person's best; readers of a post x exp(0.6 e) and
  comments among their reactions x exp(0.6 e) again, e of the author; answers to a comment x exp(0.7 e), e of the commenter;
  tone, below; what is viewed is clicked or saved with chance 0.7 activity; survey score = 6.6 + 1.7 e + 1.2 z.
- **Silence**: each week with probability min(0.35, 0.005 exp(-2.4 e two weeks before + 0.4 z)) (`weekly_hazard`,
  `churn_sensitivity`); z is the person's own and cannot be seen. Nothing is done after; 8 in 100 come back 8 to 22 weeks
  later for 4 to 14 weeks. So people slow down, are answered less and less kindly, and then go. `people.hazard` has it.
- **Habit**: a person visits every 1 to 12 weeks (12^sqrt(u)), one visit in eight left out. Days since the last act alone
  are therefore a weak sign of silence; against the person's habit they are a strong one.
- **Audience**: Pareto of shape 1.1 from 200 followers up in each community. The three most followed (anchors) are there from
  the start and never go silent. Creators are the best followed 14 in 100, 3 in 100 of the others, and who is rising.
- **Quality**: log deviation 0.7, correlation 0.25 with the log audience. Readers of a post are proportional to
  (audience at the start / 400)^0.35 exp(quality), so that what a person's posts drew says more than followers do.
- **Rising creators**: about 12 in 1,000, from the less followed half. Within 180 days from a known day the audience multiplies
  by 25 (`rising_growth`); readers grow with its root, eight weeks ahead of the followers.
- **Sentiment** of a text: softmax of (0.1 - 1.5 t, 0.6, -0.6 + 1.5 t) for negative, neutral, positive; t is the author's e for
  a post, 0.7 (e of the writer + e of who is answered) for a reply. Sentences are drawn from templates by that label.
- **Names**: products, places, people and organisations in eight spellings each, half of them the right one. One person in ten
  speaks Spanish, French, German or Portuguese and writes so 7 times in 10.
- **Group** b (attributes["group"], one in two, unrelated to anything else): 15 % fewer readers (`group_bias`).
- **Purchases**: in a week of visit with probability min(0.3, 0.09 (0.4 + activity) exp(0.4 z)); 6 in 100 are refunded.
- **Campaigns**: four weeks each, run by an anchor. Chance exposes half of that anchor's followers (a view with the
  campaign's id in its first week). From exposure to the end their purchase probability is multiplied by 1 + lift; lift
  is 0, 0.5, 1 or 2.5 times `campaign_lift`, by campaign, in `sample_truth`. A purchase carries the campaign's id 7 times in 10.
- **Experiment** feed_ranking_v2: everybody there in two weeks from 55 % of the time on, half in each arm by chance; for eight
  weeks from a person's exposure the treated buy with a probability 1.4 times as high (`experiment_lift`).
- **Consents**: 3 in 100 say nothing; of the others 97, 91, 85 and 60 in 100 grant analytics, profiling, personalization and
  messaging when they join, and 4 in 100 grants are withdrawn within a year.
"""

from social_signals.ingest.sample.params import SampleParams
from social_signals.ingest.sample.tables import SAMPLE_TABLES, columns_of, sample_tables, sample_truth

__all__ = ["SAMPLE_TABLES", "SampleParams", "columns_of", "sample_tables", "sample_truth"]
