"""The pages' templates, filled: all that is put into one is escaped, and a value that is missing is a mistake."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from tracecheck.report.sanitise import terminal
from tracecheck.report.units import duration, instant


def filled(name: str, **values: object) -> str:
    """The page of the template `name`."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tracecheck.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"duration": duration, "instant": instant, "safe_text": terminal}
    return environment
