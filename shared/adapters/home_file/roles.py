"""What a column can be, and the words by which people name it in the languages of the trade."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from shared.adapters.home_file.names import ENERGY_UNITS, POWER_UNITS, Unit, unit, word_set, words

Words = frozenset[str]


class Kind(StrEnum):
    """How the numbers of a role are brought to our unit."""

    POWER = "power"
    PERCENT = "percent"
    PRICE = "price"
    CARBON = "carbon"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One meaning. A name has it when each group of an alternative has a word in it and no word is in `never`."""

    name: str
    """What a person writes before the `=` of `--map`."""
    column: str | None
    """The reading's column; None when it only helps to find others."""
    kind: Kind
    alternatives: tuple[tuple[Words, ...], ...] = ()
    never: Words = frozenset()
    units: frozenset[Unit | None] = field(default_factory=lambda: frozenset({*POWER_UNITS, *ENERGY_UNITS, None}))


STEM_LENGTH = 6
"""Words of at least this length are also found inside compounds: `hausverbrauch` holds `verbrauch`."""
SOLAR = word_set(
    "solar pv photovoltaic photovoltaics photovoltaik fotovoltaico fotovoltaica photovoltaique solaire generation gen generated "
    "production produced produktion erzeugung erzeugt ertrag yield produccion produzione opwek opwekking opbrengst rooftop zonne zon"
)
LOAD = word_set(
    "load consumption consumed demand usage use used verbrauch verbraucht last conso consommation consommee consumo consumi verbruik "
    "carico belasting zuzycie eigenbedarf"
)
GRID = word_set("grid netz reseau red rete netwerk mains utility stromnetz")
IMPORT = word_set(
    "import imported imports netzbezug strombezug bezug bezogen soutirage soutiree prelievo afname purchased bought importada importee"
)
EXPORT = word_set(
    "export exported exports einspeisung eingespeist netzeinspeisung feedin injection injected injectee teruglevering immissione immessa "
    "vertido excedentes surplus sold ueberschuss"
)
BATTERY = word_set(
    "battery batt akku batteriespeicher speicher batterie bateria batteria accu batterij powerwall storage ess bess stromspeicher"
)
CHARGE = word_set("charge charging charged laden ladung geladen beladung carga carica opladen")
DISCHARGE = word_set("discharge discharging discharged entladen entladung decharge descarga scarica ontladen")
EV = word_set("ev evse wallbox wallboxes ladestation car vehicle emobility eauto elektroauto voiture coche laadpaal zappi charger")
HEAT = word_set("hvac heatpump waermepumpe heating heizung aircon klimaanlage warmtepomp climatisation")
PRICE = word_set("price preis strompreis prix precio prezzo prijs tariff tarif spot spotpreis")
CARBON = word_set("carbon co2 emissions emission thg ghg")
SUN = word_set("irradiance ghi gti poa einstrahlung globalstrahlung radiation dni dhi irradiation")
LEVEL = word_set("soc ladezustand akkustand ladestand fuellstand")
NOT_MEASURED = word_set(
    "forecast forecasted fc fcst predicted prediction predict prognose vorhersage prevision expected planned target setpoint capacity "
    "kwp wp frac fraction normalised normalized nominal rated installed limit voltage volt current ampere amps frequency hz temperature "
    "temp celsius humidity wind "
    "cloud pressure reactive apparent kvar kva var pf factor cost kosten cumulated revenue"
)
_HOUSE = word_set("house home household haus haushalt maison casa building")
_METERED = word_set("kw w wh kwh power leistung overall total")
_SELF = word_set("self eigenverbrauch autoconsommation autoconsumo direct")
_PRICED = frozenset({Unit.PER_KWH, Unit.PER_MWH, Unit.CENT_PER_KWH, None})
_CARBON_UNITS = frozenset({Unit.G_PER_KWH, Unit.KG_PER_KWH, None})
_COUNTED = frozenset({*POWER_UNITS, *ENERGY_UNITS})

ROLES: tuple[Role, ...] = (
    Role(name="feed_in_tariff", column="feed_in_tariff", kind=Kind.PRICE, units=_PRICED,
         alternatives=((PRICE, EXPORT | word_set("sell selling")), (word_set("einspeiseverguetung"),)), never=NOT_MEASURED),
    Role(name="price_per_kwh", column="price_per_kwh", kind=Kind.PRICE, units=_PRICED,
         alternatives=((PRICE,), (word_set("eur usd gbp chf ct cent pence"), word_set("kwh mwh"))),
         never=(NOT_MEASURED - {"planned"}) | EXPORT | word_set("demand sell selling")),
    Role(name="carbon_intensity_g_kwh", column="carbon_intensity_g_kwh", kind=Kind.CARBON, units=_CARBON_UNITS,
         alternatives=((CARBON,),), never=NOT_MEASURED),
    Role(name="solar_irradiance_w_m2", column="solar_irradiance_w_m2", kind=Kind.PLAIN, units=frozenset({Unit.W_PER_M2}),
         alternatives=((SUN,), (word_set("solar"), word_set("m2"))), never=NOT_MEASURED),
    Role(name="battery_soc_percent", column="battery_soc_percent", kind=Kind.PERCENT, units=frozenset({Unit.PERCENT, None}),
         alternatives=((LEVEL,), (word_set("state"), word_set("charge")), (BATTERY, word_set("level percent prozent"))),
         never=NOT_MEASURED | EV),
    Role(name="battery_discharge_kw", column=None, kind=Kind.POWER, alternatives=((BATTERY, DISCHARGE), (BATTERY, word_set("from aus"))),
         never=NOT_MEASURED | GRID | SOLAR | LEVEL | EV | LOAD),
    Role(name="battery_charge_kw", column=None, kind=Kind.POWER, alternatives=((BATTERY, CHARGE), (BATTERY, word_set("to into"))),
         never=NOT_MEASURED | GRID | SOLAR | LEVEL | DISCHARGE | EV | LOAD),
    Role(name="battery_power_kw", column="battery_power_kw", kind=Kind.POWER, alternatives=((BATTERY,),),
         never=NOT_MEASURED | GRID | SOLAR | LEVEL | LOAD | EV | word_set("health cycles level percent state status to from aus")),
    Role(name="ev_charging_kw", column="ev_charging_kw", kind=Kind.POWER, alternatives=((EV,), (word_set("electric"), word_set("vehicle"))),
         never=NOT_MEASURED | LEVEL | BATTERY),
    Role(name="hvac_kw", column="hvac_kw", kind=Kind.POWER, alternatives=((HEAT,), (word_set("heat"), word_set("pump"))),
         never=NOT_MEASURED | word_set("without excluding ohne")),
    Role(name="grid_export_kw", column=None, kind=Kind.POWER, alternatives=((EXPORT,), (word_set("to"), GRID)),
        never=NOT_MEASURED | PRICE | BATTERY),
    Role(name="grid_import_kw", column=None, kind=Kind.POWER,
         alternatives=((IMPORT,), (word_set("from aus drawn consumption supply verbrauch"), GRID)),
         never=NOT_MEASURED | PRICE | BATTERY | EXPORT),
    Role(name="solar_kw", column="solar_generation_kw", kind=Kind.POWER, alternatives=((SOLAR,),),
         never=NOT_MEASURED | PRICE | BATTERY | SUN | GRID | IMPORT | EXPORT | _SELF | LOAD),
    Role(name="load_kw", column="total_load_kw", kind=Kind.POWER,
         alternatives=((LOAD,), (word_set("global"), word_set("active"), word_set("power")), (_HOUSE, _METERED)),
         never=NOT_MEASURED | PRICE | BATTERY | SOLAR | EV | HEAT | GRID | IMPORT | EXPORT | _SELF | word_set("net netto residual sub")),
    Role(name="net_grid_flow_kw", column="net_grid_flow_kw", kind=Kind.POWER,
         alternatives=((GRID,), (word_set("net netto"), word_set("power flow load exchange meter")),
                       (word_set("residual"), word_set("load"))),
         never=NOT_MEASURED | PRICE | BATTERY | SOLAR | IMPORT | EXPORT | EV),
)  # fmt: skip
"""In the order in which a name is tried: the more special meaning first."""

BY_NAME = {role.name: role for role in ROLES}


def role_of(name: str) -> Role | None:
    """The first role that a name has, or None."""
    found, stated = words(name), unit(name)
    return next((role for role in ROLES if _has(role, found, stated)), None)


def surplus_words(name: str, role: Role) -> int:
    """How many words of the name its role does not explain: the fewer, the likelier that it is the one."""
    explained = set().union(*(group for alternative in role.alternatives for group in alternative)) | _FILLERS
    return sum(1 for word in words(name) if not (word.isdigit() or _is_in(word, explained)))


_FILLERS = word_set(
    "kw w mw kwh wh mwh kilowatt watt watts power energy leistung energie puissance potencia potenza vermogen total gesamt overall "
    "active ac electricity "
    "strom electric value mean avg average home house household haus site sum per g kg eur usd gbp ct percent day ahead hour hh half in "
    "a of the"
)


def _has(role: Role, found: tuple[str, ...], stated: Unit | None) -> bool:
    # "current" is amperes, except where the name states a power: then it means "now"
    never = role.never - {"current"} if stated in _COUNTED else role.never
    if stated not in role.units or any(_is_in(word, never) for word in found):
        return False
    return any(all(any(_is_in(word, group) for word in found) for group in alternative) for alternative in role.alternatives)


def _is_in(word: str, group: Iterable[str]) -> bool:
    return word in group or any(len(stem) >= STEM_LENGTH and stem in word for stem in group)
