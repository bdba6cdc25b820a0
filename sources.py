"""Makes the packages of the services and of the client importable: `import sources`. As a program: their `PYTHONPATH`.

Nothing is installed into the virtual environment, because one may serve several trees (`HEARTGUARD_VENV`), and each
has to run its own packages.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SOURCES = [str(path) for path in (*sorted(ROOT.glob("services/*/src")), ROOT / "clients" / "python" / "src")]
sys.path[:0] = [path for path in SOURCES if path not in sys.path]

if __name__ == "__main__":
    print(os.pathsep.join(SOURCES))
