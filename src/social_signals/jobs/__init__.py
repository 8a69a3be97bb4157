"""One module a job: its config dataclass, then read -> transform -> write, like a table of contents.

To add a job: a module here with `SCHEMA` (its dataclass) and `run(job, context)`, a line in `JOBS`, a YAML in `conf/`, a
doorbell in `jobs/`. Business rules do not belong here; they live in the room that owns their meaning.
"""

from __future__ import annotations

# Name -> what it does in a line, in the order in which a person meets them. Modules load when called.
JOBS = {
    "pipeline": "ingest, annotate, find topics, build features, train, score and report: the main job",
    "ingest": "land a source in bronze and merge it into silver",
    "annotate": "sentiment and entities of new or changed posts",
    "find_topics": "what posts and creators are about, as topics with stable labels",
    "embed_posts": "a vector for each post, for what looks for posts that are alike",
    "build_features": "point-in-time features of every person at an as_of",
    "build_network": "who acts towards whom as a graph, and each person's place in it",
    "assess_creators": "how what creators gather moves, what comes back, and how much of it looks bought",
    "train_churn": "train, calibrate and register the churn model",
    "train_text_churn": "train the text model of churn, whose probability is a feature of train_churn",
    "train_follower_churn": "train the model of who will leave a creator",
    "train_time_to_churn": "train the model of how long until people fall silent",
    "train_influence": "train and register the influence model",
    "score_churn": "who is about to leave, with reasons",
    "score_follower_churn": "which followers each creator is about to lose, with reasons",
    "score_time_to_churn": "how many days until each person falls silent",
    "score_influence": "who moves people, who is about to, with reasons",
    "compare_influence": "of a few people, how likely each gathers more than the other, with intervals",
    "shortlist_creators": "who fits a campaign's brief, why, and whom to book together for the widest reach",
    "train_sentiment": "fine-tune and package a sentiment model from labelled posts",
    "train_entities": "fine-tune and package an entity model from labelled sentences",
    "evaluate": "measure a model on a labelled file: task=sentiment, entities or influence_pairs",
    "build_report": "a self-contained HTML report of the newest run",
    "backfill": "one job over a range of as_of: what is not done yet, side by side where it can be",
    "maintain": "pack and cluster the files of tables, delete old ones, forget old runs",
    "doctor": "versions, jars, devices, disk and what to do about each mismatch",
}
