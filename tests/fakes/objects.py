"""An object store in memory."""

import hashlib
import time

from heartguard_media.domain.items import Written


class MemoryObjects:
    """Objects in a dictionary; sits the same exam as the real stores."""

    receives_here = True

    def __init__(self):
        self._objects = {}

    def write(self, key, blocks):
        content = b"".join(blocks)
        if key in self._objects:
            raise FileExistsError(key)
        self._objects[key] = (content, time.time())
        return Written(len(content), hashlib.sha256(content).hexdigest())

    def read(self, key, start, length):
        if key not in self._objects:
            raise FileNotFoundError(key)
        return iter([self._objects[key][0][start : start + length]])

    def size(self, key):
        return len(self._objects[key][0]) if key in self._objects else None

    def delete(self, key):
        self._objects.pop(key, None)

    def abandon(self, _):
        """What is written here is written at once."""

    def direct_url(self, *_):
        return None

    direct_upload = direct_url

    def older_than(self, seconds):
        limit = time.time() - seconds
        return iter([key for key, (_, stored) in self._objects.items() if stored < limit])
