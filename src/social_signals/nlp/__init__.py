"""What a post says: its sentiment and the people, places, organisations, products, works and groups it names.

`annotate` reads posts with packaged models that ran through Spark NLP on ONNX Runtime; `words` decides what a word is, for
training and serving alike; `entities` cuts names out of the original text. A model is a folder under `models/` with its card
and manifest; `verify_model` refuses one that was touched, and nothing is ever downloaded.

To add an answer about a text (language, topic), write a function from a frame of posts to a frame keyed by post_id. Take care
with `split_words`: the packaged weights were trained on its words, so a change there means training again. Tables are read
and written in `jobs.annotate`, metrics live in `evaluation.text`, training in `models/recipes`.
"""

from social_signals.nlp.annotate import (
    annotate,
    annotate_entities,
    annotate_sentiment,
    annotate_words,
    entities_of,
    entity_sentiment,
    languages_of,
    sentiment_of,
)
from social_signals.nlp.entities import Entity, find_entities, normalize, tags_of_tokens
from social_signals.nlp.gazetteer import Gazetteer, find_names
from social_signals.nlp.language import Language, detect_language
from social_signals.nlp.packaged import (
    EntityModel,
    ModelCard,
    SentimentModel,
    load_entity_model,
    load_sentiment_model,
    verify_model,
)
from social_signals.nlp.pretrained import entity_model, model_card, sentiment_model
from social_signals.nlp.reading import text_hash
from social_signals.nlp.sentences import split_sentences
from social_signals.nlp.words import Word, split_words

__all__ = [
    "Entity",
    "EntityModel",
    "Gazetteer",
    "Language",
    "ModelCard",
    "SentimentModel",
    "Word",
    "annotate",
    "annotate_entities",
    "annotate_sentiment",
    "annotate_words",
    "detect_language",
    "entities_of",
    "entity_model",
    "entity_sentiment",
    "find_entities",
    "find_names",
    "languages_of",
    "load_entity_model",
    "load_sentiment_model",
    "model_card",
    "normalize",
    "sentiment_model",
    "sentiment_of",
    "split_sentences",
    "split_words",
    "tags_of_tokens",
    "text_hash",
    "verify_model",
]
