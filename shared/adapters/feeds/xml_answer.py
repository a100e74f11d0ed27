"""Answers in XML, of which nothing is believed: a document with a DTD, and so with entities of its own, is not read."""

from xml.etree import ElementTree as ET
from xml.parsers import expat

from shared.adapters.feeds.json_answer import malformed


class _ForbiddenError(Exception):
    pass


def xml_root(supplier: str, content: bytes) -> ET.Element:
    """The root, its tags without namespaces. Raises `UnavailableError` for HTML pages, cut answers, DTDs and anything else."""

    def forbid(*_doctype: object) -> None:
        raise _ForbiddenError

    scout = expat.ParserCreate()
    scout.StartDoctypeDeclHandler = forbid
    try:
        scout.Parse(content, True)
        root = ET.fromstring(content)  # noqa: S314  # the scout has seen that nothing expands
    except (expat.ExpatError, ET.ParseError, ValueError, LookupError):
        raise malformed(supplier, "no whole XML document") from None
    except _ForbiddenError:
        raise malformed(supplier, "an HTML page or XML with a document type") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
