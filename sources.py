"""Makes all packages of this tree importable: `import sources`. As a program it prints their `PYTHONPATH`.

Nothing is installed into the virtual environment, because one may serve several trees (`HEARTGUARD_VENV`), and each
has to run its own packages.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OTHERS = (ROOT / "clients" / "python" / "src", ROOT / "importers" / "src")
SOURCES = [str(path) for path in (*sorted(ROOT.glob("services/*/src")), *OTHERS)]
sys.path[:0] = [path for path in SOURCES if path not in sys.path]

if __name__ == "__main__":
    print(os.pathsep.join(SOURCES))
