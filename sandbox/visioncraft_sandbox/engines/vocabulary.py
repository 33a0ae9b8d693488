"""The drawing engine's vocabulary: things, places, hours, weather, colours, styles."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Thing:
    """Something that can stand in a scene.

    Attributes:
        name: Its first name in the table below.
        art: An OpenMoji text; ``@name`` is drawn by hand (props.py), ``^`` before a head puts
            it on a drawn body, ``&`` before a bust makes it a whole person.
        habitat: Where it belongs: ground, back (buildings and trees), water, deep, sky, high
            (sun and moon are the sky's own), space or table.
        size: Height as a part of the scene's unit (the shorter side, roughly).
        place: The landscape it suggests when the prompt names none.
    """

    name: str
    art: str
    habitat: str
    size: float
    place: str = ""


# One line: habitat, height, landscape (- for none), art, names.
_TABLE: Final = """
ground .22 - 🐈 cat,kitten,kitty
ground .22 - 🐈‍⬛ black cat
ground .25 - 🐕 dog,hound
ground .20 - 🐩 poodle
ground .20 - ^🐶 puppy
ground .30 forest ^🦊 fox
ground .36 forest ^🐻 bear
ground .26 snow 🐻‍❄️ polar bear
ground .34 forest ^🐼 panda
ground .26 forest 🐨 koala
ground .27 meadow ^🐰 rabbit,bunny,hare
ground .16 forest 🐿 squirrel,chipmunk
ground .15 forest 🦔 hedgehog
ground .12 meadow 🐁 mouse
ground .13 - 🐀 rat
ground .36 meadow 🐎 horse,pony,stallion
ground .36 meadow ^🦄 unicorn
ground .30 meadow 🐄 cow
ground .30 meadow 🐂 bull,ox
ground .24 meadow 🐖 pig,piglet
ground .24 hills 🐑 sheep,lamb
ground .25 mountains 🐐 goat
ground .24 mountains 🐏 ram
ground .32 mountains 🦙 llama,alpaca
ground .42 meadow 🐘 elephant
ground .50 meadow 🦒 giraffe
ground .34 meadow ^🦁 lion
ground .28 forest 🐅 tiger
ground .27 forest 🐆 leopard,cheetah,jaguar
ground .26 forest 🐒 monkey
ground .30 forest 🦍 gorilla
ground .32 forest ^🐺 wolf
ground .38 forest 🦌 deer,stag,reindeer,doe
ground .33 forest 🫏 donkey
ground .34 meadow 🦬 bison,buffalo
ground .28 desert 🐪 camel
ground .32 meadow 🦘 kangaroo
ground .28 meadow 🦏 rhino,rhinoceros
ground .26 - 🦛 hippo,hippopotamus
ground .20 forest 🦝 raccoon
ground .18 forest 🦡 badger
ground .18 lake 🦫 beaver
ground .16 forest 🦨 skunk
ground .17 - 🐓 rooster,cockerel
ground .16 meadow 🐔 chicken,hen
ground .12 meadow 🐤 chick
ground .24 lake 🦩 flamingo
ground .20 meadow 🦚 peacock
ground .22 snow 🐧 penguin
ground .18 beach 🦀 crab
ground .14 meadow 🐢 turtle,tortoise
ground .24 lake ^🐸 frog,toad
ground .16 desert 🐍 snake
ground .14 desert 🦎 lizard
ground .18 lake 🐊 crocodile,alligator
ground .10 meadow 🐌 snail
ground .10 meadow 🐞 ladybug,ladybird
ground .10 meadow 🐛 caterpillar
ground .42 forest 🦕 dinosaur,brontosaurus
ground .40 forest 🦖 tyrannosaurus,t-rex
ground .34 city @robot robot,android
ground .30 space ^👽 alien
ground .26 city 👾 monster
ground .26 night 👻 ghost
ground .30 snow @snowman snowman
ground .11 - 🧶 yarn,wool,ball of yarn
ground .22 - 🧸 teddy,teddy bear
ground .14 - 🎁 present,gift
ground .17 night 🎃 pumpkin,jack-o'-lantern
ground .17 - 🏮 lantern
ground .14 - 🕯 candle
ground .18 - @campfire campfire,bonfire,fire
ground .24 - 🚲 bicycle,bike
ground .24 city 🛵 scooter
ground .24 city 🏍 motorcycle,motorbike
ground .26 city 🚗 car
ground .26 city 🚕 taxi
ground .30 city 🚌 bus
ground .32 hills 🚂 train,locomotive
ground .32 city 🚋 tram
ground .28 city 🚒 fire truck,fire engine
ground .28 meadow 🚜 tractor
ground .26 - 🛻 truck,pickup
ground .18 - 📚 book,books
ground .16 - 🔭 telescope
ground .14 - ☕ coffee,tea,cup,mug
ground .14 - 🎂 cake,birthday cake
ground .13 - 🍎 apple
ground .13 - 👑 crown
ground .15 - 💎 diamond,gem,jewel
ground .18 - 🔮 crystal ball
ground .20 - 🎻 violin
ground .20 - 🎸 guitar
ground .18 - 🥁 drum
ground .22 - 🪑 chair
ground .20 - 🧭 compass
ground .24 meadow 🧺 picnic,picnic basket,basket
ground .24 forest ⛺ tent
ground .20 - ⚓ anchor
ground .20 - ☂ umbrella
ground .22 city ⛲ fountain
ground .16 forest 🍄 mushroom,toadstool
ground .18 meadow 🌷 tulip
ground .18 meadow 🌹 rose
ground .18 meadow 🌸 flower,blossom
ground .26 meadow 🌻 sunflower
ground .17 meadow 🌼 daisy
ground .16 - 🪴 plant,houseplant
ground .20 - 🌵 cactus
ground .22 forest 🪵 log,stump
ground .14 - 🪨 rock,stone
ground .12 beach 🐚 shell,seashell
ground .34 - &👧 girl,daughter,sister,granddaughter,heroine
ground .34 - &👦 boy,son,brother,grandson
ground .30 - &🧒 child,kid,toddler
ground .40 - &👩 woman,lady,mother,mom,mum,teacher,traveler,traveller,wanderer,hiker
ground .40 - &👨 man,guy,gentleman,father,dad,hero
ground .40 sea &👩~yellow keeper,lighthouse keeper,sailor,captain,fisherman,fisherwoman
ground .38 - &🧑 person,friend,villager,figure,character,neighbor,neighbour,stranger
ground .38 - &👵 grandmother,grandma,old woman
ground .38 - &👴 grandfather,grandpa,old man
ground .40 hills &👸 princess,queen
ground .40 hills &🤴 prince,king
ground .40 forest &🧙 wizard,sorcerer,mage
ground .40 forest &🧙‍♀️ witch,sorceress
ground .32 forest &🧚 fairy,pixie
ground .34 forest &🧝 elf
ground .40 meadow &👩‍🌾 farmer,gardener,scarecrow
ground .40 hills @knight knight,warrior
ground .36 space &🧑‍🚀 astronaut,cosmonaut,spaceman
ground .40 - &👩‍✈️ pilot
ground .40 - &🧑‍🎨 painter,artist
ground .40 - &🧑‍🍳 cook,chef,baker
ground .38 snow &🎅 santa,santa claus
ground .40 night &🧛 vampire
back .66 sea @lighthouse lighthouse
back .44 hills 🏰 castle,palace,fortress
back .44 hills 🏯 pagoda,japanese castle
back .34 hills @cottage house,cottage,cabin,hut
back .32 hills @village village,houses,hamlet
back .42 hills ⛪ church,chapel
back .48 hills @windmill windmill,mill
back .40 meadow @barn barn,farm,farmhouse
back .46 hills ⛩ shrine,torii,temple
back .50 city 🗼 tower
back .46 meadow 🎡 ferris wheel
back .40 meadow 🎪 circus
back .34 meadow 🎠 carousel,merry-go-round
back .42 - @tree tree,oak
back .44 forest @pine pine,fir,spruce
back .42 beach 🌴 palm,palm tree
back .40 snow 🎄 christmas tree
back .34 - 🌋 volcano
back .40 - 🎋 bamboo
water .30 sea @boat boat,rowboat,rowing boat,dinghy,canoe,raft,kayak
water .46 sea @sailboat sailboat,sailing boat,yacht,schooner
water .50 sea @ship ship,steamer,ferry,steamboat
water .54 sea @galleon galleon,pirate ship
water .27 sea 🐋 whale
water .24 sea 🐬 dolphin,porpoise
water .14 lake 🦆 duck,duckling
water .24 lake 🦢 swan
water .18 lake 🪿 goose
water .20 sea 🦭 seal
water .16 lake 🦦 otter
water .30 beach 🏝 island
deep .13 sea 🐟 fish
deep .16 underwater 🐠 tropical fish,clownfish
deep .15 underwater 🐡 pufferfish
deep .26 sea 🦈 shark
deep .24 underwater 🐙 octopus
deep .24 underwater 🦑 squid
deep .20 underwater 🪼 jellyfish
deep .18 underwater 🪸 coral
deep .34 underwater 🧜‍♀️ mermaid
deep .18 underwater 🦐 shrimp
deep .18 underwater 🦞 lobster
sky .13 - 🐦 bird,sparrow,robin,swallow
sky .12 sea @gull gull,seagull
sky .13 - 🐦‍⬛ crow,raven,blackbird
sky .15 - 🕊 dove,pigeon
sky .20 mountains 🦅 eagle,hawk,falcon
sky .17 forest 🦉 owl
sky .16 forest 🦜 parrot
sky .13 night 🦇 bat
sky .12 meadow 🦋 butterfly,moth
sky .09 meadow 🐝 bee,bumblebee
sky .36 mountains 🐉 dragon
sky .22 - @hotair hot air balloon,air balloon,balloons ride,airship
sky .20 - 🎈 balloon
sky .22 hills 🪁 kite
sky .20 - ✈ airplane,plane,aeroplane,jet
sky .20 city 🚁 helicopter
sky .18 - 🪂 parachute
space .30 space 🚀 rocket,spaceship,spacecraft,starship
space .22 night 🛸 ufo,flying saucer
space .20 space 🛰 satellite
space .26 space 🪐 planet,saturn
space .26 space 🌍 earth,globe
space .20 space ☄ comet,meteor,asteroid
"""


def _read_table() -> dict[str, Thing]:
    things: dict[str, Thing] = {}
    for line in _TABLE.strip().splitlines():
        habitat, size, place, art, names = line.split(" ", 4)
        known = names.split(",")
        thing = Thing(known[0], art, habitat, float(size), "" if place == "-" else place)
        things.update(dict.fromkeys(known, thing))
    return things


THINGS: Final[Mapping[str, Thing]] = MappingProxyType(_read_table())


def _words(**groups: str) -> Mapping[str, str]:
    return MappingProxyType(
        {word: meaning for meaning, words in groups.items() for word in words.split(",")}
    )


PLACES: Final = _words(
    sea="sea,ocean,waves,seascape,harbor,harbour,bay,lagoon,fjord,tide,cliff,cape,pier,maritime",
    beach="beach,shore,coast,seaside,sand",
    lake="lake,river,pond,stream,waterfall,riverbank",
    hills="hill,countryside,valley,landscape,hillside,vineyard",
    mountains="mountain,peak,alps,alpine,summit,volcano,canyon",
    forest="forest,wood,woods,woodland,jungle,grove,clearing,autumn forest",
    desert="desert,dune,dunes,sahara,oasis",
    city="city,street,town,skyline,downtown,skyscraper,rooftop,metropolis,cyberpunk,neon",
    snow="snow,snowy,winter,arctic,ice,icy,glacier,frozen,tundra",
    meadow="meadow,field,flowers,garden,prairie,park,pasture,orchard,spring,lawn",
    space="space,galaxy,cosmos,universe,nebula,orbit,outer space",
    underwater="underwater,reef,coral reef,seabed,ocean floor,deep sea,under the sea,"
    "under the water,beneath the waves,beneath the sea",
    room="room,bedroom,kitchen,indoors,interior,fireplace,hearth,library,living room,study,cozy,"
    "cosy,attic,armchair,sofa,window,bookshelf",
)

HOURS: Final = _words(
    night="night,midnight,star,starry,moon,moonlight,moonlit,nighttime,evening star,nocturnal",
    sunset="sunset,evening,golden hour,sundown,golden",
    dusk="dusk,twilight",
    dawn="dawn,sunrise,morning,daybreak",
    day="day,noon,midday,daylight,sunny,afternoon,sun,blue sky,summer,bright",
)

WEATHER: Final = _words(
    rain="rain,rainy,drizzle,shower,downpour,raining",
    storm="storm,stormy,thunder,thunderstorm,lightning,tempest,hurricane",
    snowfall="snowfall,snowing,snowy,snowstorm,blizzard,snowflake,snow,winter",
    fog="fog,foggy,mist,misty,haze,hazy",
    clouds="cloud,cloudy,overcast",
    rainbow="rainbow",
    stars="star,starry,stars",
    moon="moon,moonlight,moonlit,crescent",
    aurora="aurora,northern lights,aurora borealis",
    fireflies="firefly,fireflies,magic,magical,enchanted",
    fireworks="firework,fireworks",
    autumn="autumn,fall leaves,autumnal",
)

COLOURS: Final[Mapping[str, tuple[int, int, int]]] = MappingProxyType(
    {
        "red": (214, 58, 52), "crimson": (178, 34, 58), "scarlet": (226, 54, 40),
        "orange": (240, 142, 44), "amber": (240, 168, 48), "gold": (232, 186, 66),
        "golden": (232, 186, 66), "yellow": (250, 210, 70), "green": (86, 166, 84),
        "emerald": (36, 150, 104), "olive": (136, 142, 70), "teal": (32, 142, 146),
        "turquoise": (58, 186, 186), "cyan": (70, 196, 214), "blue": (62, 118, 206),
        "navy": (36, 54, 112), "indigo": (72, 66, 160), "purple": (140, 86, 182),
        "violet": (146, 96, 204), "lavender": (180, 160, 222), "lilac": (196, 168, 220),
        "pink": (242, 142, 178), "magenta": (206, 66, 150), "rose": (228, 120, 140),
        "brown": (138, 92, 60), "wooden": (150, 100, 62), "beige": (222, 200, 166),
        "white": (246, 244, 240), "grey": (150, 152, 160), "gray": (150, 152, 160),
        "silver": (192, 198, 208), "black": (62, 58, 74), "coral": (246, 126, 104),
        "peach": (250, 186, 148), "copper": (190, 112, 72), "maroon": (128, 42, 54),
        "cream": (246, 232, 200), "mint": (150, 214, 178),
    }
)  # fmt: skip

STYLES: Final = _words(
    watercolor="watercolor,watercolour,aquarelle,gouache",
    paper="paper cut,papercut,paper-cut,paper art,paper craft,cutout,collage,origami",
    pixel="pixel,pixel art,8-bit,8bit,16-bit,retro game",
    sketch="sketch,pencil,drawing,line art,charcoal,engraving,pencil drawing",
    cinematic="midjourney,cinematic,dramatic,film still,photorealistic,realistic",
    dreamy="openjourney,mdjrny-v4,dreamy,fantasy art,surreal,vaporwave",
    oil="oil,oil painting,impressionist,impressionism,van gogh,painterly,acrylic,monet",
    comic="comic,anime,cartoon,pop art,manga,cel shaded,ghibli",
    noir="noir,black and white,monochrome,greyscale,grayscale",
    vintage="vintage,sepia,retro,old photograph,postcard",
)

NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
        "seven": 7, "eight": 8, "nine": 9, "ten": 10, "dozen": 12, "pair": 2, "couple": 2,
        "few": 3, "several": 4, "many": 6, "flock": 6, "herd": 5, "group": 4, "some": 3,
        "school": 6, "bunch": 5, "lots": 7,
    }
)  # fmt: skip

SIZES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "tiny": 0.6, "little": 0.78, "small": 0.75, "miniature": 0.6, "baby": 0.7, "young": 0.85,
        "big": 1.25, "large": 1.25, "huge": 1.5, "giant": 1.6, "enormous": 1.6, "tall": 1.25,
        "great": 1.2, "gigantic": 1.6, "massive": 1.5,
    }
)  # fmt: skip
