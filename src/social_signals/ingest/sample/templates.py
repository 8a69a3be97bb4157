"""Sentences with slots, by sentiment: openers x cores x closers make tens of thousands of different posts."""

from __future__ import annotations

# {product} {place} {person} {org} name something; {thing} is an activity of the topic, {topic} its name.
POSTS_POSITIVE = (
    "the {product} is the best thing I bought this year",
    "so happy with my {product}, worth every cent",
    "just finished {thing} in {place} and I feel amazing",
    "{person} was brilliant in {place} last night",
    "I love {thing}, cannot wait for tomorrow",
    "{org} sorted my order within an hour, excellent service",
    "can't recommend the {product} enough",
    "what a beautiful day for {thing}",
    "the team at {org} did a fantastic job in {place}",
    "met {person} today, such a kind and inspiring human",
    "finally got the {product} and it does not disappoint",
    "{place} has the friendliest {topic} people I have met",
    "proud of how far I have come with {thing}",
    "the new update from {org} is a huge improvement",
    "six months in and my {product} still works perfectly",
    "nothing beats {thing} with good friends",
    "huge thanks to {person} for the tips, they really work",
    "{thing} made my whole week",
    "I was sceptical about the {product} but wow, I was wrong",
    "great crowd at the {topic} meetup in {place}",
    "this is the most fun I have had in ages",
    "won a small prize for {thing}, still smiling",
)
POSTS_NEGATIVE = (
    "the {product} broke after two weeks, what a waste of money",
    "really disappointed with {org}, three emails and no answer",
    "worst {topic} experience ever in {place}",
    "my {product} arrived damaged and nobody cares",
    "I hate how expensive {topic} has become",
    "{person} was rude to everyone in {place}, so sad to see",
    "{thing} was a complete disaster today",
    "do not buy the {product}, it is terrible",
    "{org} cancelled my order again without a word",
    "tired and fed up, {thing} is just not fun any more",
    "the {product} is overpriced junk",
    "stuck in {place} for hours because of {org}, awful service",
    "I regret paying for the {product}",
    "the new update from {org} ruined everything",
    "not a single helpful answer, this is so frustrating",
    "{person} let us all down this season",
    "my {product} stopped charging and support is useless",
    "{thing} went wrong and I hurt my back, ugh",
    "the {topic} scene in {place} is dying and it makes me angry",
    "another delay from {org}, I want a refund",
    "the {product} looked good on paper but it is not good at all",
    "lost all my progress with {thing}, feeling down",
)
POSTS_NEUTRAL = (
    "has anyone compared the {product} with last year's model?",
    "heading to {place} next week for {thing}",
    "{org} announced a new {topic} line today",
    "{person} will speak about {topic} in {place} on Friday",
    "the {product} comes in three colours",
    "looking for a {topic} group near {place}",
    "notes from {thing}: part two is up",
    "which settings do you use on the {product}?",
    "{org} opens a store in {place} in spring",
    "reading what {person} wrote about {topic}",
    "{thing} starts at seven tomorrow",
    "my {product} arrives on Monday",
    "what time does the {topic} meetup in {place} begin?",
    "switched from the old one to the {product} today",
    "list of {topic} events for this month",
    "{person} moved to {place}, says the news",
    "question about {thing}: how long do you usually take?",
    "the {org} page lists the price of the {product}",
    "photo from {place}, taken on the way to {thing}",
    "testing the {product} this weekend, results later",
    "some numbers on {topic} from this year",
    "is the {product} available in {place}?",
)
COMMENTS_POSITIVE = (
    "this is great, thank you for sharing",
    "love this so much",
    "totally agree, the {product} is wonderful",
    "you are doing an amazing job",
    "so happy for you, well deserved",
    "this made me smile today",
    "best post I have read about {topic} this week",
    "thanks, this really helped me with {thing}",
    "brilliant, keep it up",
    "yes! {place} is lovely for that",
    "I had the same good experience with {org}",
    "great point, {person} would be proud",
    "wow, beautiful work",
    "I tried it after your post and it works perfectly",
    "you always explain {topic} so well",
    "congratulations, I'm glad it went well",
)
COMMENTS_NEGATIVE = (
    "this is just wrong and you know it",
    "stop posting this nonsense",
    "terrible advice, the {product} is garbage",
    "I expected better from you, very disappointing",
    "nobody asked, honestly",
    "that sounds awful, I would never go to {place} again",
    "boring, you post the same thing every day",
    "I don't trust {org} and neither should you",
    "what a bad take on {topic}",
    "sorry but this is a waste of time",
    "you clearly have no idea about {thing}",
    "the worst thing I have read today",
    "this is misleading and it annoys me",
    "{person} is overrated and so is this",
    "ugh, not this again",
    "I tried it and it ruined my week",
)
COMMENTS_NEUTRAL = (
    "which one did you get, the {product}?",
    "where in {place} was this?",
    "is this the same as last year?",
    "following this thread",
    "I think {person} wrote about that too",
    "do you have a link?",
    "how long did it take?",
    "mine came from {org} in March",
    "asking for a friend who is new to {topic}",
    "see the second answer above",
    "what size did you order?",
    "I will be in {place} next week as well",
    "same question here about {thing}",
    "it says so on the {org} page",
    "was that before or after the update?",
    "noted, will look at the {product} later",
)
OPENERS = (
    ("", "", "", "Ugh, ", "Honestly, ", "Sigh. ", "Not going to lie, ", "Well, ", "Seriously? ", "Today: "),
    ("", "", "", "", "Hi all, ", "Quick one: ", "FYI, ", "So, ", "Update: ", "Today: "),
    ("", "", "", "Wow, ", "Honestly, ", "Yes! ", "Not going to lie, ", "Well, ", "Good news: ", "Today: "),
)
CLOSERS = (
    ("", "", "", ".", " 😡", " 😞", "!!", ", never again.", " smh", "... I'm done", ". Avoid.", " 👎"),
    ("", "", "", ".", " 🤔", ", any ideas?", ". More soon.", " (details below)", " 📍", "...", ". Let me know.", " 👀"),
    ("", "", "", ".", " 😍", " 🎉", "!", ", highly recommended.", " ❤️", "!!! So good", ". Made my day.", " 🙌"),
)

# Other languages: no slots but {product} and {place}, so that the named things stay known.
FOREIGN_LANGUAGES = ("es", "fr", "de", "pt")
FOREIGN_NEGATIVE = (
    (
        "qué decepción con el {product}, no lo compren",
        "el servicio en {place} fue horrible",
        "estoy harto, todo salió mal hoy",
    ),
    ("très déçu du {product}, à éviter", "service horrible à {place}", "quelle journée affreuse, rien ne marche"),
    (
        "das {product} ist leider totaler Schrott",
        "schrecklicher Service in {place}",
        "so ein mieser Tag, alles geht schief",
    ),
    ("que decepção com o {product}, não comprem", "atendimento péssimo em {place}", "que dia horrível, nada funciona"),
)
FOREIGN_NEUTRAL = (
    ("¿alguien ha probado el {product}?", "mañana voy a {place}", "apuntes de hoy, segunda parte"),
    ("quelqu'un a essayé le {product} ?", "demain je vais à {place}", "notes du jour, deuxième partie"),
    ("hat jemand das {product} getestet?", "morgen fahre ich nach {place}", "Notizen von heute, Teil zwei"),
    ("alguém já testou o {product}?", "amanhã vou a {place}", "anotações de hoje, parte dois"),
)
FOREIGN_POSITIVE = (
    ("me encanta el {product}, es genial", "qué día tan bonito en {place}", "muchas gracias, me ayudó un montón"),
    ("j'adore le {product}, une merveille", "quelle belle journée à {place}", "merci beaucoup, ça m'a vraiment aidé"),
    (
        "ich liebe das {product}, einfach super",
        "was für ein schöner Tag in {place}",
        "vielen Dank, das hat mir sehr geholfen",
    ),
    ("adorei o {product}, é maravilhoso", "que dia lindo em {place}", "muito obrigado, me ajudou demais"),
)

POSTS = (POSTS_NEGATIVE, POSTS_NEUTRAL, POSTS_POSITIVE)
COMMENTS = (COMMENTS_NEGATIVE, COMMENTS_NEUTRAL, COMMENTS_POSITIVE)
FOREIGN = (FOREIGN_NEGATIVE, FOREIGN_NEUTRAL, FOREIGN_POSITIVE)

SURVEYS = (
    (
        "too much negativity lately",
        "support never answered me",
        "I do not feel welcome here any more",
        "it got boring",
        "too many ads",
    ),
    ("it is okay", "no strong opinion", "average, does what it should", "some good, some bad", "fine for now"),
    (
        "I love the people here",
        "great community, very helpful",
        "good posts every day",
        "best place for my hobby",
        "really enjoy it",
    ),
)
# Flattened (sentiment x language) for a look-up by row = sentiment * languages + language.
FOREIGN_ROWS = tuple(row for by_language in FOREIGN for row in by_language)
BIOS = (
    "{topic} person. Opinions my own.", "I write about {topic}.", "{topic}, coffee and bad puns.", "Learning {topic} one day at a time.",
    "Official account.", "Here for {topic} and good company.", "Parent, engineer, {topic} fan.", "Weekends are for {topic}.",
)  # fmt: skip
