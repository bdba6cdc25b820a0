"""Makes the packages of all services and the importers importable: `import sources`. As a program it prints their path.

Nothing is installed into the virtual environment, because one may serve several trees (`HEARTGUARD_VENV`), and each
has to run its own packages.
"""

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
SOURCES = [str(path) for path in (*sorted(_ROOT.glob("services/*/src")), _ROOT / "importers" / "src")]
sys.path[:0] = [path for path in SOURCES if path not in sys.path]

if __name__ == "__main__":
    print(os.pathsep.join(SOURCES))
