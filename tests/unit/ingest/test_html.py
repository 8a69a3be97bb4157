from __future__ import annotations

import pytest
from pyspark.sql import functions as F

from social_signals.ingest.html import text_of_escaped_html, text_of_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<p>one</p>\n\n<p>two</p>", "one\ntwo"),
        ("a <b>bold</b>\n claim", "a bold\nclaim"),
        ('see <a href="http://x.org/?a=1&amp;b=2">the <em>link</em></a>.', "see the link."),
        ("<ul><li>malt</li><li>hops</li></ul>", "malt\nhops"),
        ("use <code>x &lt; 1</code> here", "use x < 1 here"),
        ("before<pre><code>for i in x:\n  <b>y</b>\n</code></pre>after", "before\nafter"),
        ("cut off <pre>while true", "cut off"),
        ("caf&eacute; &#233; &#xe9; &nbsp;&amp;amp;", "café é é &amp;"),
        ("2 < 3 and 5 > 4", "2 < 3 and 5 > 4"),
        ("<!-- hidden <p>x</p> -->seen<script>alert(1)</script>", "seen"),
        ("👍 <i>שלום</i>", "👍 שלום"),
    ],
)
def test_html_becomes_what_a_person_reads(html, text):
    assert text_of_html(html) == text


def test_markup_in_an_xml_attribute_is_unescaped_first(spark_session):
    bodies = spark_session.createDataFrame([("&lt;p&gt;R&amp;amp;D &amp;lt;3&lt;/p&gt;&#xA;",), (None,)], "body string")
    assert [r[0] for r in bodies.select(text_of_escaped_html(F.col("body"))).collect()] == ["R&D <3", None]
