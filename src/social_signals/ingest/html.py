"""HTML to plain text: what a person reads, without markup and without the code they pasted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pandas as pd
from pyspark.sql import Column
from pyspark.sql.functions import pandas_udf  # type: ignore[attr-defined]
from pyspark.sql.types import StringType

from social_signals.core.workers import settle

# Blocks of code are not prose: sentiment and entities read from them would be noise. Code inside a sentence is kept.
_CODE_BLOCK = re.compile(r"<(pre|script|style)\b.*?(?:</\1\s*>|\Z)", re.S | re.I)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_BREAK = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6]|blockquote|tr|table|hr|dl|dt|dd)\b[^>]*>", re.I)
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")


def text_of_html(html: str) -> str:
    """The text of a fragment of HTML: one line per paragraph, the text of links kept, entities as characters.

    >>> text_of_html("<p>Malt &amp; <a href='x'>hops</a><br>are <em>fine</em></p><pre><code>x = 1</code></pre>")
    'Malt & hops\\nare fine'
    """
    text = html
    if "<" in text:
        text = _COMMENT.sub(" ", _CODE_BLOCK.sub("\n", text))
        text = _TAG.sub("", _BREAK.sub("\n", text))
    text = unescape(text) if "&" in text else text
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def text_of_escaped_html(html: Column) -> Column:
    """`text_of_html` of an XML attribute's value, which escapes the markup once more; null stays null."""
    text: Column = _texts(html)
    return text


@pandas_udf(StringType())  # type: ignore[call-overload, untyped-decorator]
def _texts(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
    settle()
    for values in batches:
        yield values.map(lambda value: text_of_html(unescape(value)), na_action="ignore")
