"""The types of fields and sections in schedules.yaml, as pydantic models and annotations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from daemon import durations
from daemon.config import addresses, notation
from daemon.ledger import url
from daemon.windows.rules import ClockEnd, MonthDay
from daemon.windows.window import CatchUp, OnDrift
from daemon.wording import listed, nearest, shown

# The type of the error that pydantic reports for a number or list where a text belongs.
NOT_TEXT = "not_text"

Choice = TypeVar("Choice", bound=StrEnum)


class Section(BaseModel):
    """A mapping with a fixed set of keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    required: ClassVar[tuple[str, ...]] = ()
    exactly_one: ClassVar[tuple[str, ...]] = ()
    # Keys whose values are mappings from names that users choose to sections.
    named: ClassVar[tuple[str, ...]] = ()
    # Whether there may be a list of several.
    is_listed: ClassVar[bool] = False

    @classmethod
    @cache
    def known_keys(cls) -> dict[str, type[Section] | None]:
        """Return the keys, each with its type of section, if it has one."""
        return {
            field.alias or name: _section_in(field.annotation)
            for name, field in cls.model_fields.items()
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add the keys that a section must have, which its fields do not show."""
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        # Editors show it: as WeeklySection is called in words.
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__.removesuffix("Section"))
        schema["title"] = words.strip("_").lower()
        if cls.required:
            schema["required"] = list(cls.required)
        if cls.exactly_one:
            schema["oneOf"] = [{"required": [key]} for key in cls.exactly_one]
        return reference


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def optional(description: str, *examples: object, alias: str | None = None) -> Any:
    """Declare a field that may be absent, with its description and examples for editors."""
    return Field(None, description=description, examples=list(examples), alias=alias)


@dataclass(frozen=True, slots=True)
class Text:
    """Annotates a field whose text is parsed by *parse*.

    If the value is no text, the fault names what is *wanted*; without it, it asks for quotes.
    *schema* describes the text in the JSON Schema.
    """

    parse: Callable[[str], object]
    wanted: str = ""
    schema: dict[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Return a schema that only calls our parser."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: object, handler: object) -> JsonSchemaValue:
        """Describe the text, not its parsed value."""
        return {"type": "string", **self.described}

    @property
    def described(self) -> dict[str, Any]:
        """The schema, with what editors say of a text of another form."""
        message = f"not {self.wanted}" if self.wanted else ""
        is_said = "pattern" in self.schema and message
        return {**self.schema, **({"patternErrorMessage": message} if is_said else {})}

    def read(self, value: object) -> object:
        """Return the parsed value. Raises PydanticCustomError if it is no text."""
        if not isinstance(value, str):
            raise PydanticCustomError(NOT_TEXT, "{wanted}", {"wanted": self.wanted})
        return self.parse(value)


@dataclass(frozen=True, slots=True)
class OrText:
    """Annotates `T | Section`: a text is parsed into a T, a mapping is the section."""

    text: Text

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return a schema by which pydantic validates mappings only."""
        section = handler.generate_schema(get_args(source)[-1])
        return core_schema.no_info_wrap_validator_function(self._either, section)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both forms."""
        return {"anyOf": [{"type": "string", **self.text.described}, handler(core)]}

    def _either(self, value: object, section: Callable[[object], object]) -> object:
        return section(value) if isinstance(value, dict) else self.text.read(value)


@dataclass(frozen=True, slots=True)
class NoSecret:
    """Annotates a section that says where a secret is: the secret itself is refused, not quoted."""

    secret: str
    instead: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return a schema that checks before pydantic does."""
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def _checked(self, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004  # as pydantic wants it
                f"a {self.secret} is refused, because the file is no place for secrets: write it"
                f" into a file that only its owner can read, and say {self.instead}"
            )
        return value


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """Annotates a list that is never empty; a single item counts as a list of one."""

    items: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return a schema that makes the list before pydantic validates its items."""
        return core_schema.no_info_before_validator_function(self._listed, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both forms."""
        many = handler(core)
        return {"anyOf": [many["items"], {**many, "minItems": 1}]}

    def _listed(self, value: object) -> tuple[object, ...]:
        if value == []:
            raise ValueError(f"the list is empty: name at least one {self.items}")
        return tuple(value) if isinstance(value, list) else (value,)


@dataclass(frozen=True, slots=True)
class Whole:
    """Annotates a whole number between two bounds, both included."""

    low: int
    high: int

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Return a schema that takes numbers, but no booleans."""
        number = core_schema.int_schema(strict=True)
        return core_schema.no_info_after_validator_function(self._bounded, number)

    def __get_pydantic_json_schema__(self, core: object, handler: object) -> JsonSchemaValue:
        """Describe the bounds."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def _bounded(self, value: int) -> int:
        if not self.low <= value <= self.high:
            raise ValueError(f"{value} is out of bounds: {self.low} to {self.high} are allowed")
        return value


class DayOfMonth:
    """Annotates an item of `monthly.on`: a number or a text."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Return a schema that only calls our parser."""
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, core: object, handler: object) -> JsonSchemaValue:
        """Describe both forms."""
        number = {"type": "integer", "minimum": -31, "maximum": 31, "not": {"const": 0}}
        return {"anyOf": [number, {"enum": list(notation.MONTH_DAYS)}, {"type": "string"}]}

    def _read(self, value: object) -> MonthDay:
        if isinstance(value, str):
            return notation.month_day(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return notation.day_number(value)
        raise PydanticCustomError(NOT_TEXT, "{wanted}", {"wanted": notation.A_MONTH_DAY})


def between(low: timedelta, high: timedelta) -> Callable[[str], timedelta]:
    """Return a parser of durations from *low* to *high*, both included."""

    def parse(text: str) -> timedelta:
        found = durations.parse_duration(text)
        if not low <= found <= high:
            bounds = f"{durations.format_duration(low)} to {durations.format_duration(high)}"
            raise ValueError(f"{shown(text)} is out of bounds: {bounds} are allowed")
        return found

    return parse


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """Return a parser of the words of an enum."""

    def parse(text: str) -> Choice:
        if text not in list(choices):
            guess = nearest(text, choices)
            raise ValueError(f"{shown(text)} is not allowed: {listed(choices)}{guess}")
        return choices(text)

    return parse


def _duration(low: timedelta, high: timedelta) -> Text:
    wanted = f"a duration: write {durations.EXAMPLES}"
    return Text(between(low, high), wanted, _pattern(durations.PATTERN))


def _choice(choices: type[StrEnum]) -> Text:
    return Text(one_of(choices), f"allowed: {listed(choices)}", {"enum": list(choices)})


def _pattern(pattern: str, wanted: str = "") -> dict[str, Any]:
    """Describe a text; *wanted* is what editors say where no number may stand, either."""
    said = {"patternErrorMessage": f"not {wanted}"} if wanted else {}
    return {"pattern": pattern, **said}


_ZERO = timedelta(0)
_LEAST = timedelta(milliseconds=1)
_HOUR = timedelta(hours=1)
# A search for openings has to look back as far as one may be long, so there must be a bound.
_YEAR = timedelta(days=366)

# A shorter one would be lost whenever the database is slow for a moment.
SHORTEST_LEASE = timedelta(seconds=3)

Keep = Annotated[timedelta, _duration(timedelta(days=1), durations.LONGEST)]
Length = Annotated[timedelta, _duration(_LEAST, _YEAR)]
Lead = Annotated[timedelta, _duration(_ZERO, _YEAR)]
Resync = Annotated[timedelta, _duration(timedelta(seconds=1), timedelta(minutes=10))]
LeaseTime = Annotated[timedelta, _duration(SHORTEST_LEASE, _HOUR)]
Limit = Annotated[timedelta, _duration(_LEAST, _HOUR)]

AnyText = Annotated[str, Text(str)]
Name = Annotated[str, Text(notation.name, schema=_pattern(notation.NAME, notation.A_NAME))]
Zone = Annotated[ZoneInfo, Text(notation.zone)]
Start = Annotated[time, Text(notation.time_of_day, notation.A_TIME, _pattern(notation.TIME))]
End = Annotated[ClockEnd, Text(notation.end, notation.AN_END, _pattern(notation.END))]
END_MEANS = (
    "Time of day; before the start it is that of the next day. Or of a later day: monday 06:00 is"
    " on the next Monday after the day of the start, +2d 06:00 two days later."
)
Day = Annotated[date, Text(notation.day, notation.A_DATE, {"format": "date"})]
DateRangeText = Text(notation.date_range, notation.A_DATE_RANGE, _pattern(notation.DATES))
Local = Annotated[
    datetime, Text(notation.local_time, notation.A_LOCAL_TIME, _pattern(notation.LOCAL_TIME))
]
Instant = Annotated[
    datetime, Text(notation.instant, notation.AN_INSTANT, _pattern(notation.INSTANT))
]
Weekdays = Annotated[
    frozenset[int],
    Text(
        notation.weekdays,
        notation.A_DAY,
        {"anyOf": [{"enum": list(notation.DAYS)}, _pattern(notation.DAY_RANGE, notation.A_DAY)]},
    ),
]
OnDay = Annotated[MonthDay, DayOfMonth()]
OnDriftWord = Annotated[OnDrift, _choice(OnDrift)]
CatchUpWord = Annotated[CatchUp, _choice(CatchUp)]

Url = Annotated[str, Text(addresses.url, addresses.A_URL, _pattern(addresses.URL))]
Listener = Annotated[
    tuple[str, int], Text(addresses.listener, addresses.A_LISTENER, _pattern(addresses.LISTEN))
]
Ledger = Annotated[str, Text(url.ledger, url.A_LEDGER, _pattern(url.LEDGER))]
Variable = Annotated[
    str,
    Text(addresses.variable, schema=_pattern(addresses.VARIABLE, addresses.A_VARIABLE)),
]
HeaderName = Annotated[
    str, Text(addresses.header_name, schema=_pattern(addresses.HEADER, addresses.A_HEADER))
]
Username = Annotated[str, Text(addresses.username)]
FileName = Annotated[str, Text(addresses.file_name)]
RepositoryPattern = Annotated[str, Text(addresses.repository_pattern)]
