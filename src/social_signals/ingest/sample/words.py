"""What the people of the generated world talk about: topics, things with names, and how people misspell them."""

from __future__ import annotations

from dataclasses import dataclass

# The first few entries speak English; a nation is a position in both lists.
LANGUAGES = ("en", "en", "en", "en", "en", "es", "fr", "de", "pt", "es")
ENGLISH_NATIONS = LANGUAGES.count("en")
COUNTRIES = ("US", "GB", "CA", "AU", "IE", "ES", "FR", "DE", "BR", "MX")

FIRST_NAMES = (
    "Ada", "Amir", "Anna", "Ben", "Carla", "Chidi", "Dana", "Diego", "Elif", "Emma", "Farah", "Finn", "Grace", "Hana",
    "Hugo", "Ines", "Ivan", "Jack", "Jonas", "Kai", "Lena", "Leo", "Lucia", "Maya", "Mei", "Mia", "Nadia", "Noah", "Nora",
    "Omar", "Paul", "Priya", "Rosa", "Sam", "Sara", "Theo", "Tom", "Vera", "Yuki", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Achebe", "Baker", "Bauer", "Brooks", "Castro", "Chen", "Costa", "Dubois", "Evans", "Fischer", "Garcia",
    "Haddad", "Hughes", "Ito", "Jensen", "Kaya", "Khan", "Klein", "Kumar", "Lopez", "Martin", "Meyer", "Moreau", "Murphy",
    "Nguyen", "Novak", "Okafor", "Olsen", "Park", "Patel", "Reed", "Rossi", "Santos", "Silva", "Stone", "Tanaka", "Walker",
    "Weber", "Wright",
)  # fmt: skip
HANDLES = ("runs", "writes", "daily", "onthego", "lab", "notes", "club", "hq", "studio", "live", "official", "journal")


@dataclass(frozen=True)
class Topic:
    """An interest. Products are what the shop sells: name|spelling|spelling and the list price."""

    name: str
    hashtag: str
    things: tuple[str, ...]
    products: tuple[tuple[str, float], ...]
    brands: tuple[str, ...]


TOPICS = (
    Topic(
        "running", "running",
        ("my morning run", "the long run", "interval training", "trail running", "marathon training", "race day"),
        (("Aurora X2|AuroraX2|aurora x 2", 139), ("Pacer Lite|PacerLite|pacer-lite", 89), ("StrideMax 5|Stridemax5|stride max 5", 159),
         ("TempoFly|Tempo Fly|tempofly", 119), ("Ridge Runner GTX|RidgeRunner|ridge runner", 149), ("PulseBand 3|Pulse Band 3|pulseband", 79)),
        ("Northway Sports|Northway|northway", "Velora|velora athletics", "Kestrel Running|Kestrel"),
    ),
    Topic(
        "coffee", "coffee",
        ("my morning espresso", "a slow pour over", "latte art", "cold brew", "home roasting", "the new grinder setup"),
        (("BrewMaster Pro|Brewmaster pro|brew master pro", 329), ("Linea Mini One|LineaMini|linea mini", 499), ("Kono Dripper|KonoDripper|kono", 35),
         ("GrindHouse 64|Grindhouse64|grind house 64", 259), ("Moka Nova|MokaNova|moka nova", 45), ("FrothJet|Froth Jet|frothjet", 59)),
        ("Blue Harbor Coffee|Blue Harbour|blueharbor", "Tostado|tostado roasters", "Cafe Solano|Café Solano"),
    ),
    Topic(
        "gaming", "gaming",
        ("ranked matches", "the new season", "couch co-op", "speedrunning", "boss fights", "weekend raids"),
        (("Nebula Deck|NebulaDeck|nebula deck", 449), ("HyperPad 2|Hyperpad2|hyper pad 2", 69), ("Vortex Headset|VortexHeadset|vortex", 129),
         ("Starfall Odyssey|StarfallOdyssey|starfall", 59), ("PixelStation Go|PixelStation|pixel station go", 299), ("Titan Keys TKL|TitanKeys|titan keys", 109)),
        ("Ironleaf Games|Ironleaf|ironleaf studio", "Quantum Forge|QuantumForge", "Redwood Interactive|Redwood"),
    ),
    Topic(
        "photography", "photography",
        ("street photography", "golden hour shots", "film scans", "portrait sessions", "night photography", "editing raw files"),
        (("Lumen Z7|LumenZ7|lumen z-7", 899), ("FocusPro 50mm|Focuspro50|focus pro 50", 349), ("SkyDrone Air|Skydrone|sky drone air", 599),
         ("SteadyGrip 4|Steadygrip4|steady grip", 129), ("PrintBox Mini|Printbox|print box mini", 99), ("ClearView Filter|Clearview|clear view filter", 49)),
        ("Halden Optics|Halden|halden", "Prisma Labs|PrismaLabs", "Silver Frame|SilverFrame"),
    ),
    Topic(
        "cooking", "cooking",
        ("Sunday baking", "weeknight dinners", "sourdough", "meal prep", "street food at home", "knife skills"),
        (("ChefPot 6|Chefpot6|chef pot 6", 119), ("SearPan Pro|Searpan|sear pan pro", 79), ("BlendQuick|Blend Quick|blendquick", 89),
         ("OvenMate 20|Ovenmate20|oven mate", 229), ("Santoku Edge|SantokuEdge|santoku edge", 99), ("FlavorKit|Flavor Kit|flavourkit", 39)),
        ("Olive and Thyme|Olive & Thyme|oliveandthyme", "Casa Verde|CasaVerde", "Hearthstone Kitchen|Hearthstone"),
    ),
    Topic(
        "travel", "travel",
        ("a weekend trip", "solo travel", "train journeys", "city breaks", "packing light", "the layover"),
        (("Nomad Pack 40|NomadPack|nomad pack", 179), ("CabinOne|Cabin One|cabinone", 219), ("TripPower Bank|Trippower|trip power bank", 49),
         ("QuietFlight Buds|Quietflight|quiet flight buds", 149), ("MapSeat Pillow|Mapseat|map seat pillow", 35), ("Rover Bottle|RoverBottle|rover bottle", 29)),
        ("Skylane Airlines|Skylane|skylane air", "Harbor Hotels|Harbour Hotels|harborhotels", "Wander Rail|WanderRail"),
    ),
    Topic(
        "cycling", "cycling",
        ("the commute by bike", "a gravel ride", "hill climbs", "the group ride", "bikepacking", "indoor training"),
        (("Falcon SL|FalconSL|falcon sl", 999), ("GravelKing One|Gravelking|gravel king one", 849), ("AeroLid|Aero Lid|aerolid", 139),
         ("WattMeter 2|Wattmeter2|watt meter 2", 299), ("CityGlide E|Cityglide|city glide e", 799), ("GripTape Pro|Griptape|grip tape pro", 25)),
        ("Montero Bikes|Montero|montero", "Spoke and Chain|Spoke & Chain", "Altura Cycles|Altura"),
    ),
    Topic(
        "music", "music",
        ("band practice", "vinyl hunting", "the new album", "live shows", "home recording", "learning guitar"),
        (("SoundPod Max|Soundpodmax|sound pod max", 249), ("LoopStation 3|Loopstation3|loop station 3", 199), ("Vinylo Player|Vinylo|vinylo player", 179),
         ("Echo Strings|EchoStrings|echo strings", 25), ("StudioOne Mic|Studioone|studio one mic", 139), ("BassCase 10|Basscase|bass case", 89)),
        ("Delta Sound|DeltaSound|delta sound", "Moonlight Records|Moonlight|moonlight rec", "Harmonia|harmonia audio"),
    ),
)  # fmt: skip

PLACES = (
    "New York|NYC|new york", "San Francisco|SF|san fran", "London|london|Londn", "Los Angeles|LA|los angeles", "Berlin|berlin",
    "Paris|paris", "Madrid|madrid", "Lisbon|Lisboa|lisbon", "Tokyo|tokyo|Toyko", "Chicago|chicago|Chi-town", "Toronto|toronto",
    "Sydney|sydney", "Mexico City|CDMX|mexico city", "Barcelona|Barca|barcelona", "Amsterdam|amsterdam|A'dam", "Dublin|dublin",
    "Seattle|seattle", "Austin|austin", "Boston|boston", "Melbourne|melb|Melbourne", "Rome|Roma|rome", "Vienna|vienna", "Oslo|oslo",
    "Istanbul|istanbul", "Cape Town|CapeTown|cape town", "Mumbai|Bombay|mumbai", "Seoul|seoul", "Singapore|singapore|SG",
    "Vancouver|vancouver|Van", "Denver|denver",
)  # fmt: skip
PEOPLE = (
    "Nadia Okafor|Nadia okafor|Okafor", "Marcus Lindqvist|Lindqvist|marcus lindqvist", "Elena Petrova|Petrova|elena petrova",
    "David Moreno|david moreno|Moreno", "Sofia Bergman|Bergman|sofia bergman", "James Whitfield|Whitfield|james whitfield",
    "Aiko Tanaka|aiko tanaka|Tanaka", "Luca Ferrari|luca ferrari", "Priya Raman|priya raman|Raman", "Tom Callahan|Callahan|tom callahan",
    "Grace Mensah|grace mensah|Mensah", "Oliver Stone|oliver stone", "Hannah Fischer|hannah fischer", "Carlos Vega|carlos vega|Vega",
    "Maria Lopez|maria lopez", "Ethan Cole|ethan cole", "Zara Hussain|zara hussain|Hussain", "Peter Novak|peter novak|Novak",
    "Isabel Duarte|isabel duarte|Duarte", "Kevin Brooks|kevin brooks",
)  # fmt: skip
ORGANIZATIONS = (
    "Google|google", "Amazon|amazon", "Spotify|spotify", "Netflix|netflix", "Red Cross|the red cross", "BBC|bbc", "UNESCO|Unesco",
    "Stanford University|Stanford|stanford", "MIT|mit", "FedEx|Fedex|fedex", "DHL|dhl", "PayPal|Paypal|paypal",
)  # fmt: skip


def canonical(entry: str) -> str:
    """The first spelling of `name|spelling|spelling`."""
    return entry.partition("|")[0]


def spellings(entry: str) -> list[str]:
    """Eight spellings of a name as people write it: half as it should be, the rest shouted, tagged, lower or wrong."""
    known = entry.split("|")
    name = known[0]
    others = known[1:] or [name.lower()]
    return [name] * 4 + [others[0], others[-1], "#" + "".join(c for c in name if c.isalnum()), name.upper()]


def products() -> list[list[str]]:
    """Per topic, the entries of its products."""
    return [[entry for entry, _ in topic.products] for topic in TOPICS]
