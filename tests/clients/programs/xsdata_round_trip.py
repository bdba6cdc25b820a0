"""Reads documents with the classes that xsdata has made of an XSD, and writes them back under the same names.

The arguments are a Python package, a folder with documents, and one for what is written.
"""

import importlib
import sys
from pathlib import Path

from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.serializers import XmlSerializer

package, source, target = sys.argv[1:]
classes = importlib.import_module(package)
for document in sorted(Path(source).iterdir()):
    root = getattr(classes, document.name.partition(".")[0])
    value = XmlParser().from_bytes(document.read_bytes(), root)
    (Path(target) / document.name).write_text(XmlSerializer().render(value), encoding="utf-8")
