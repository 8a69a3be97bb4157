"""Reports: what a run found, for a person. Small frames in, one self-contained HTML file out.

`gather_*` functions aggregate in Spark and bring home only what fits on a page; `render_report` turns the result into
HTML that makes no request to anywhere. To add a section: a part in `report.py`, a `gather_` function beside the table
it reads, a block in `templates/report.html.j2` with a sentence for when it is empty. Reading tables and writing the
file belong to the job.
"""

from social_signals.reports.creators import gather_briefs, topic_labels
from social_signals.reports.evidence import churn_evidence, influence_evidence, text_evidence
from social_signals.reports.params import ReportParams
from social_signals.reports.people import gather_churn, gather_influence
from social_signals.reports.posts import gather_entities, gather_sentiment, gather_topics
from social_signals.reports.quality import gather_headline, gather_quality, gather_stages
from social_signals.reports.render import render_creators, render_report
from social_signals.reports.report import RunReport

__all__ = [
    "ReportParams",
    "RunReport",
    "churn_evidence",
    "gather_briefs",
    "gather_churn",
    "gather_entities",
    "gather_headline",
    "gather_influence",
    "gather_quality",
    "gather_sentiment",
    "gather_stages",
    "gather_topics",
    "influence_evidence",
    "render_creators",
    "render_report",
    "text_evidence",
    "topic_labels",
]
