"""A site and its tariff on the wire, in files and in stores, with their way to and from the domain."""

from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import Duration, LocalTime, Wire
from shared.domain import site as domain
from shared.domain import tariff as money


class BatteryDocument(Wire):
    """A battery. States of charge in percent (0-100), efficiencies as fractions."""

    capacity_kwh: float = Field(gt=0)
    max_charge_rate_kw: float = Field(ge=0)
    max_discharge_rate_kw: float = Field(ge=0)
    charge_efficiency: float = Field(default=0.95, gt=0, le=1)
    discharge_efficiency: float = Field(default=0.95, gt=0, le=1)
    min_soc: float = Field(default=10.0, ge=0, le=100)
    max_soc: float = Field(default=90.0, ge=0, le=100)
    wear_cost_per_kwh: float | None = Field(default=None, ge=0)

    def to_domain(self) -> domain.BatterySpec:
        values = self.model_dump()
        return domain.BatterySpec(min_soc_percent=values.pop("min_soc"), max_soc_percent=values.pop("max_soc"), **values)

    @classmethod
    def from_domain(cls, battery: domain.BatterySpec) -> "BatteryDocument":
        return cls(
            capacity_kwh=battery.capacity_kwh,
            max_charge_rate_kw=battery.max_charge_rate_kw,
            max_discharge_rate_kw=battery.max_discharge_rate_kw,
            charge_efficiency=battery.charge_efficiency,
            discharge_efficiency=battery.discharge_efficiency,
            min_soc=battery.min_soc_percent,
            max_soc=battery.max_soc_percent,
            wear_cost_per_kwh=battery.wear_cost_per_kwh,
        )


class SolarDocument(Wire):
    """A solar array."""

    capacity_kw: float = Field(ge=0)
    tilt_degrees: float = Field(default=30.0, ge=0, le=90)
    azimuth_degrees: float | None = Field(default=None, ge=0, le=360)


class EvDocument(Wire):
    """An electric vehicle's charge point."""

    max_charge_rate_kw: float = Field(gt=0)


class GridDocument(Wire):
    """What the grid connection allows; null means no limit."""

    max_import_kw: float | None = Field(default=None, ge=0)
    max_export_kw: float | None = Field(default=None, ge=0)


class SiteDocument(Wire):
    """A site. `resolution` is the step of its forecasts and schedules: PT5M, PT15M, PT30M or PT1H."""

    site_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    name: str = Field(default="", max_length=200)
    timezone: str = "UTC"
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    resolution: Duration = timedelta(minutes=15)
    battery: BatteryDocument | None = None
    solar: SolarDocument | None = None
    ev: EvDocument | None = None
    grid: GridDocument = GridDocument()
    simulated: bool = False
    live: bool = Field(default=True, description="false for imported history: then time stands at the end of its readings")

    def to_domain(self) -> domain.Site:
        """Raises `InvalidValueError` for what the schema cannot see, such as an unknown zone."""
        return domain.Site(
            site_id=self.site_id,
            name=self.name,
            timezone=self.timezone,
            latitude=self.latitude,
            longitude=self.longitude,
            resolution=self.resolution,
            battery=self.battery.to_domain() if self.battery else None,
            solar=domain.SolarSpec(**self.solar.model_dump()) if self.solar else None,
            ev=domain.EvSpec(**self.ev.model_dump()) if self.ev else None,
            grid=domain.GridConnection(**self.grid.model_dump()),
            simulated=self.simulated,
            live=self.live,
        )

    @classmethod
    def from_domain(cls, site: domain.Site) -> "SiteDocument":
        return cls(
            site_id=site.site_id,
            name=site.name,
            timezone=site.timezone,
            latitude=site.latitude,
            longitude=site.longitude,
            resolution=site.resolution,
            battery=BatteryDocument.from_domain(site.battery) if site.battery else None,
            solar=SolarDocument(
                capacity_kw=site.solar.capacity_kw,
                tilt_degrees=site.solar.tilt_degrees,
                azimuth_degrees=site.solar.azimuth_degrees,
            )
            if site.solar
            else None,
            ev=EvDocument(max_charge_rate_kw=site.ev.max_charge_rate_kw) if site.ev else None,
            grid=GridDocument(max_import_kw=site.grid.max_import_kw, max_export_kw=site.grid.max_export_kw),
            simulated=site.simulated,
            live=site.live,
        )


class FlatPriceDocument(Wire):
    """One price at all times."""

    kind: Literal["flat"] = "flat"
    price_per_kwh: float


class TouPeriodDocument(Wire):
    """A period in local time; `end` not after `start` wraps past midnight; empty lists mean always."""

    name: str = Field(min_length=1, max_length=64)
    price_per_kwh: float
    start: LocalTime = time(0)
    end: LocalTime = time(0)
    months: list[Annotated[int, Field(ge=1, le=12)]] = Field(default_factory=list)
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(default_factory=list, description="Monday is 0")
    holidays: bool | None = Field(default=None, description="true: only on holidays; false: never on them; null: either")


class TimeOfUsePriceDocument(Wire):
    """The first period that applies sets the price."""

    kind: Literal["time_of_use"] = "time_of_use"
    periods: list[TouPeriodDocument] = Field(max_length=200)
    default_price_per_kwh: float


class DynamicPriceDocument(Wire):
    """factor x series + surcharge, within floor and ceiling."""

    kind: Literal["dynamic"] = "dynamic"
    series_id: str = Field(min_length=1, max_length=128)
    factor: float = 1.0
    surcharge_per_kwh: float = 0.0
    floor_per_kwh: float | None = None
    ceiling_per_kwh: float | None = None


PriceDocument = Annotated[FlatPriceDocument | TimeOfUsePriceDocument | DynamicPriceDocument, Field(discriminator="kind")]


class DemandChargeDocument(Wire):
    """Per kW of the billing month's highest clocked mean import."""

    price_per_kw: float = Field(ge=0)
    averaging: Duration = timedelta(minutes=15)


class TariffDocument(Wire):
    """Import and export prices of a site."""

    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    timezone: str = "UTC"
    import_price: PriceDocument
    export_price: PriceDocument
    demand_charge: DemandChargeDocument | None = None
    holiday_calendar: str | None = Field(default=None, pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")

    def to_domain(self) -> money.Tariff:
        """Raises `InvalidValueError` for what the schema cannot see, such as an unknown zone."""
        return money.Tariff(
            currency=self.currency,
            timezone=self.timezone,
            import_price=_rule(self.import_price),
            export_price=_rule(self.export_price),
            demand_charge=money.DemandCharge(**dict(self.demand_charge)) if self.demand_charge else None,
            holiday_calendar=self.holiday_calendar,
        )

    @classmethod
    def from_domain(cls, tariff: money.Tariff) -> "TariffDocument":
        charge = tariff.demand_charge
        return cls(
            currency=tariff.currency,
            timezone=tariff.timezone,
            import_price=_rule_document(tariff.import_price),
            export_price=_rule_document(tariff.export_price),
            demand_charge=DemandChargeDocument(price_per_kw=charge.price_per_kw, averaging=charge.averaging) if charge else None,
            holiday_calendar=tariff.holiday_calendar,
        )


def _rule(document: FlatPriceDocument | TimeOfUsePriceDocument | DynamicPriceDocument) -> money.PriceRule:
    match document:
        case FlatPriceDocument():
            return money.FlatPrice(price_per_kwh=document.price_per_kwh)
        case DynamicPriceDocument():
            return money.DynamicPrice(**document.model_dump(exclude={"kind"}))
        case TimeOfUsePriceDocument():
            return money.TimeOfUsePrice(
                default_price_per_kwh=document.default_price_per_kwh,
                periods=tuple(
                    money.TouPeriod(
                        **period.model_dump(exclude={"months", "weekdays"}),
                        months=frozenset(period.months),
                        weekdays=frozenset(period.weekdays),
                    )
                    for period in document.periods
                ),
            )


def _rule_document(rule: money.PriceRule) -> FlatPriceDocument | TimeOfUsePriceDocument | DynamicPriceDocument:
    match rule:
        case money.FlatPrice():
            return FlatPriceDocument(price_per_kwh=rule.price_per_kwh)
        case money.DynamicPrice():
            return DynamicPriceDocument(
                series_id=rule.series_id,
                factor=rule.factor,
                surcharge_per_kwh=rule.surcharge_per_kwh,
                floor_per_kwh=rule.floor_per_kwh,
                ceiling_per_kwh=rule.ceiling_per_kwh,
            )
        case money.TimeOfUsePrice():
            return TimeOfUsePriceDocument(
                default_price_per_kwh=rule.default_price_per_kwh,
                periods=[
                    TouPeriodDocument(
                        name=period.name,
                        price_per_kwh=period.price_per_kwh,
                        start=period.start,
                        end=period.end,
                        months=sorted(period.months),
                        weekdays=sorted(period.weekdays),
                        holidays=period.holidays,
                    )
                    for period in rule.periods
                ],
            )
