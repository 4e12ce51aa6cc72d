"""The demo market: five vendors with forty products each. Made up for Souk; prices in pence."""

from __future__ import annotations

from dataclasses import dataclass

# slug, name, parent
CATEGORIES = [
    ("home", "Home", None), ("kitchen", "Kitchen", "home"), ("textiles", "Textiles", "home"),
    ("candles", "Candles", "home"), ("stationery", "Stationery", None), ("notebooks", "Notebooks", "stationery"),
    ("cards", "Cards", "stationery"), ("desk", "On the desk", "stationery"), ("garden", "Garden", None),
    ("plants", "Plants", "garden"), ("tools", "Tools and pots", "garden"),
]

SIZES = [("S", 0), ("M", 300), ("L", 600)]
PAIR = [("single", 0), ("pair", 800)]


@dataclass(frozen=True)
class VendorPlan:
    user: str
    owner: str
    name: str
    slug: str
    about: str
    colours: list[str]
    styles: list[tuple[str, str]]  # adjective, half a sentence
    nouns: list[tuple[str, str, int, list]]  # noun, category slug, price, sizes


VENDORS = [
    VendorPlan(
        "olive", "Olive Marsh", "Olive & Thread", "olive-and-thread", "Linen and wool from a small weaving mill.",
        ["oat", "moss", "rust"],
        [("Washed Linen", "soft from the first day"), ("Herringbone", "woven in a fine herringbone"),
         ("Stonewashed", "tumbled with pumice until it drapes"), ("Striped", "with a narrow woven stripe"),
         ("Waffle", "light and quick to dry")],
        [("Apron", "kitchen", 3200, []), ("Tea Towel", "kitchen", 1100, PAIR), ("Napkin Set", "kitchen", 2400, []),
         ("Throw", "textiles", 6800, []), ("Cushion Cover", "textiles", 2900, SIZES),
         ("Table Runner", "textiles", 3600, []), ("Bath Towel", "textiles", 3100, SIZES),
         ("Pillowcase", "textiles", 1900, PAIR)]),
    VendorPlan(
        "kiln", "Karel Brandt", "Kiln House", "kiln-house", "Stoneware thrown and glazed in one workshop.",
        ["ash", "indigo", "celadon"],
        [("Speckled", "iron shows through the glaze"), ("Ridged", "with the potter's finger lines left in"),
         ("Dipped", "half glazed, half bare clay"), ("Matte", "smooth to the touch"),
         ("Crackle", "finely crazed all over")],
        [("Mug", "kitchen", 1800, PAIR), ("Espresso Cup", "kitchen", 1400, PAIR), ("Dinner Plate", "kitchen", 2600, []),
         ("Serving Bowl", "kitchen", 4200, SIZES), ("Milk Jug", "kitchen", 2200, []),
         ("Butter Dish", "kitchen", 3400, []), ("Bud Vase", "home", 1900, SIZES), ("Planter", "tools", 2800, SIZES)]),
    VendorPlan(
        "wick", "Nora Wick", "North Wick", "north-wick", "Candles poured by hand from rapeseed wax.",
        ["amber", "clear"],
        [("Cedar & Smoke", "like a cabin after rain"), ("Sea Salt", "clean, with a trace of kelp"),
         ("Fig Leaf", "green and a little milky"), ("Orange Blossom", "bright, for the morning"),
         ("Unscented", "nothing but light")],
        [("Jar Candle", "candles", 1600, SIZES), ("Travel Candle", "candles", 900, []),
         ("Pillar Candle", "candles", 1300, SIZES), ("Dinner Candles", "candles", 1100, PAIR),
         ("Tealights", "candles", 700, []), ("Reed Diffuser", "home", 2400, []), ("Room Spray", "home", 1500, []),
         ("Wax Melts", "candles", 800, [])]),
    VendorPlan(
        "fox", "Felix Oxley", "Paper Fox", "paper-fox", "Paper goods, letterpress printed and sewn.",
        ["ink", "sand", "brick"],
        [("Letterpress", "you can feel the type"), ("Marbled", "no two covers alike"),
         ("Botanical", "after old herbarium sheets"), ("Plain", "for people who like it quiet"),
         ("Geometric", "in two overprinted colours")],
        [("Notebook", "notebooks", 1200, SIZES), ("Sketchbook", "notebooks", 1700, SIZES),
         ("Weekly Planner", "notebooks", 2100, []), ("Pocket Notes", "notebooks", 600, []),
         ("Greeting Card", "cards", 350, []), ("Postcard Set", "cards", 900, []),
         ("Gift Wrap", "cards", 500, []), ("Desk Pad", "desk", 1900, [])]),
    VendorPlan(
        "nine", "Ines Vale", "Greenhouse No. 9", "greenhouse-no-9", "Plants we grew, and tools that last.",
        ["terracotta", "slate"],
        [("Little", "for the window sill"), ("Everyday", "hard to get wrong"),
         ("Allotment", "made for mud and weather"), ("Heirloom", "the old kind, kept going"),
         ("Balcony", "thrives in small places")],
        [("Fern", "plants", 1400, SIZES), ("Olive Tree", "plants", 3900, []), ("Herb Trio", "plants", 1200, []),
         ("Succulent", "plants", 800, []), ("Trowel", "tools", 1600, []), ("Watering Can", "tools", 2900, SIZES),
         ("Seed Box", "tools", 1100, []), ("Pruning Shears", "tools", 2700, [])]),
]


def products(plan: VendorPlan):
    """The bodies of the vendor's products, with a `category` slug beside each."""
    for number, (noun, category, price, sizes) in enumerate(plan.nouns):
        for index, (style, remark) in enumerate(plan.styles):
            code = f"{plan.user[:2].upper()}{number + 1}{index + 1}"
            base = price + index * 100
            yield category, {
                "name": f"{style} {noun}",
                "description": f"{plan.name}'s {noun.lower()}, {remark}. {plan.about}",
                "variants": variants(code, base, plan.colours, sizes),
                "media": [],
            }


def variants(code: str, price: int, colours: list[str], sizes: list) -> list[dict]:
    made = []
    for colour in colours:
        for size, extra in sizes or [(None, 0)]:
            attributes = {"colour": colour} | ({"size": size} if size else {})
            sku = "-".join(part.upper() for part in (code, colour, size) if part)
            made.append({"sku": sku, "attributes": attributes, "price": {"amount": price + extra, "currency": "GBP"}})
    return made
