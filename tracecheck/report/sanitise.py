"""Untrusted text made safe to show, one function per medium.

Span names, services, keys and error texts come from outside: whoever can send a span can write them. No reporter puts
such text into its output except through the function of its medium. All are total: any `str` in, safe text out, never
longer than `limit` input characters and their escapes. Rows S50 to S60 of the hostile-input list are their tests.
"""

import html as _html
import re

LIMIT = 160
"""Characters of one untrusted value that a report shows; a longer one is cut, and says by how much."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_PLAIN_IN_MERMAID = re.compile(r"[^A-Za-z0-9 .,_/@+()\[\]\u00a1-\ud7ff\ue000-\ufffd-]")
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")


def terminal(text: str, limit: int | None = LIMIT) -> str:
    """One line of printable text: every control, format, bidi, separator and lone-surrogate character becomes a visible
    escape (`\\x1b`, `\\u202e`), so that it can neither move the cursor nor reorder what is read.

    What a CI log would take for a command of its own (`::error`, `##[error]`) is broken up as well. The other functions
    build on this one.
    """
    text = clip(text, limit)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escape(c) for c in text)
    if text.lstrip().startswith("::"):
        text = text.replace("::", "\\x3a:", 1)
    return text.replace("##[", "#\\x23[")


def clip(text: str, limit: int | None = LIMIT) -> str:
    """The first `limit` characters, followed by how many were left out; None cuts nothing."""
    if limit is None or len(text) <= limit:
        return text
    return f"{text[:limit]}…(+{len(text) - limit})"


def xml(text: str) -> str:
    """Text that XML 1.0 can carry: characters it forbids become U+FFFD. Quoting is the XML library's task."""
    return _NOT_XML.sub("\ufffd", text)


def github_message(text: str) -> str:
    """The message of a workflow command: `%`, CR and LF percent-encoded, so that it ends where it should."""
    return _no_surrogates(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github_property(text: str) -> str:
    """A property value of a workflow command: as the message, and `:` and `,` encoded too."""
    return github_message(text).replace(":", "%3A").replace(",", "%2C")


def markdown(text: str, limit: int | None = LIMIT) -> str:
    """A code span: nothing inside is markup, a mention, an image or a table border, in any Markdown dialect."""
    text = terminal(text, limit)
    if not text.strip():
        return "–"
    if "`" not in text and "|" not in text and "\\" not in text:
        return f"`{text}`"
    encoded = "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)
    return f"<code>{encoded}</code>"


def markdown_block(text: str) -> str:
    """A fenced block of lines that `terminal` has made safe; the fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def mermaid(text: str, limit: int | None = 60) -> str:
    """A quoted Mermaid label: everything that could be syntax, a directive or HTML is entity-encoded."""
    return '"' + _NOT_PLAIN_IN_MERMAID.sub(lambda found: f"#{ord(found[0])};", terminal(text, limit)) + '"'


def html(text: str, limit: int | None = LIMIT) -> str:
    """Text for an HTML element or a quoted attribute."""
    return _html.escape(terminal(text, limit), quote=True)


def csv_cell(value: object, *, guard: bool = True) -> object:
    """A cell that a spreadsheet will not run: text that starts like a formula gets an apostrophe before it.

    Numbers pass as they are. `guard=False` is the documented switch for readers that are no spreadsheets.
    """
    if not isinstance(value, str):
        return value
    value = _no_surrogates(value)
    return f"'{value}" if guard and value.startswith(_FORMULA_START) else value


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _no_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
