"""Series and points in PostgreSQL: one row a value, time as int64 nanoseconds."""

import json
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from sqlalchemy import Connection, text
