"""Small files of each kind, written by what the formats publish and not by the parsers."""

import json
import sqlite3
import struct
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

FIT_EPOCH = 631_065_600
_TYPES = {
    "enum": (0x00, "B"),
    "uint8": (0x02, "B"),
    "uint16": (0x84, "H"),
    "sint16": (0x83, "h"),
    "uint32": (0x86, "I"),
}


def fit_crc(data: bytes, crc: int = 0) -> int:
    """The CRC-16 of the FIT protocol."""
    table = (0x0, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401)
    table += (0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400)
    for byte in data:
        for half in (byte & 0xF, byte >> 4):
            crc = ((crc >> 4) & 0x0FFF) ^ table[crc & 0xF] ^ table[half]
    return crc


class FitFile:
    """A FIT file: definitions are written when a message of another shape comes."""

    def __init__(self) -> None:
        self._body = b""
        self._shape: object = None

    def add(self, number: int, fields: dict[int, tuple[str, int | tuple[int, ...]]]) -> "FitFile":
        """A message; `fields` maps numbers to a type and a value, or several of it."""
        shape = (number, tuple((field, kind, _count(value)) for field, (kind, value) in fields.items()))
        if shape != self._shape:
            self._shape = shape
            self._body += struct.pack("<BBBHB", 0x40, 0, 0, number, len(fields))
            for field, kind, count in shape[1]:
                code, form = _TYPES[kind]
                self._body += struct.pack("<BBB", field, struct.calcsize("<" + form) * count, code)
        self._body += b"\0"
        for kind, value in fields.values():
            several = value if isinstance(value, tuple) else (value,)
            self._body += struct.pack(f"<{len(several)}{_TYPES[kind][1]}", *several)
        return self

    def file_id(self) -> "FitFile":
        """The first message of every file: an activity of Garmin."""
        return self.add(0, {0: ("enum", 4), 1: ("uint16", 1), 2: ("uint16", 3121)})

    def bytes(self, size: int | None = None) -> bytes:
        """The file; `size` is what its header says in place of its size."""
        header = struct.pack("<BBHI4s", 14, 0x20, 2132, len(self._body) if size is None else size, b".FIT")
        whole = header + struct.pack("<H", fit_crc(header)) + self._body
        return whole + struct.pack("<H", fit_crc(whole))


def _count(value: int | tuple[int, ...]) -> int:
    return len(value) if isinstance(value, tuple) else 1


def activity(start: int, rates: Iterable[int]) -> FitFile:
    """A FIT activity with a heart rate a second from `start`, in seconds since 1970."""
    file = FitFile().file_id()
    for index, rate in enumerate(rates):
        file.add(20, {253: ("uint32", start - FIT_EPOCH + index), 3: ("uint8", rate)})
    return file


APPLE_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- it's "HealthKit Export" Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ATTLIST Record
  type CDATA #REQUIRED
  device        CDATA #IMPLIED
<!ATTLIST HeartRateVariabilityMetadataList
]>
<HealthData locale="es_ES">
 <ExportDate value="2023-05-02 10:00:00 +0200"/>
 <Me HKCharacteristicTypeIdentifierBloodType="HKBloodTypeNotSet"/>
"""
WATCH = (
    "&lt;&lt;HKDevice: 0x{address:x}&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, "
    "hardware:Watch6,2, software:9.{minor}&gt;"
)


def apple_record(
    kind: str,
    value: str,
    unit: str = "count/min",
    start: str = "2023-05-01 07:00:00 +0200",
    *,
    end: str | None = None,
    motion: str | None = None,
    source: str = "Ana\u2019s Apple\u00a0Watch",
    address: int = 0x282E3C0A0,
    minor: int = 1,
) -> str:
    """A `Record` of an export.xml."""
    attributes = (
        f'type="HKQuantityTypeIdentifier{kind}" sourceName="{source}" sourceVersion="9.{minor}" '
        f'device="{WATCH.format(address=address, minor=minor)}" unit="{unit}" creationDate="{start}" '
        f'startDate="{start}" endDate="{end or start}" value="{value}"'
    )
    if motion is None:
        return f" <Record {attributes}/>\n"
    entry = f'<MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="{motion}"/>'
    return f" <Record {attributes}>\n  {entry}\n </Record>\n"


def apple_export(*records: str) -> bytes:
    """An export.xml."""
    return (APPLE_HEAD + "".join(records) + "</HealthData>\n").encode()


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def database(path: Path, script: str) -> Path:
    """An SQLite database."""
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.commit()
    connection.close()
    return path


HEALTH_CONNECT = """
CREATE TABLE application_info_table (row_id INTEGER PRIMARY KEY, package_name TEXT, app_name TEXT);
CREATE TABLE device_info_table (row_id INTEGER PRIMARY KEY, manufacturer TEXT, model TEXT, device_type INTEGER);
CREATE TABLE heart_rate_record_table (row_id INTEGER PRIMARY KEY, uuid BLOB,
  app_info_id INTEGER, device_info_id INTEGER,
  start_time INTEGER, start_zone_offset INTEGER, end_time INTEGER, end_zone_offset INTEGER);
CREATE TABLE heart_rate_record_series_table (parent_key INTEGER, beats_per_minute INTEGER, epoch_millis INTEGER);
CREATE TABLE oxygen_saturation_record_table (row_id INTEGER PRIMARY KEY, app_info_id INTEGER, device_info_id INTEGER,
  time INTEGER, zone_offset INTEGER, percentage REAL);
CREATE TABLE steps_record_table (row_id INTEGER PRIMARY KEY, app_info_id INTEGER, device_info_id INTEGER,
  start_time INTEGER, end_time INTEGER, count INTEGER);
INSERT INTO application_info_table VALUES (1, 'com.example.watch', 'Watch'), (2, 'com.example.strap', 'Strap');
INSERT INTO device_info_table VALUES (1, 'Acme', 'One', 1);
INSERT INTO heart_rate_record_table VALUES (10, x'00', 1, 1, 0, 0, 0, 0), (11, x'01', 2, NULL, 0, 0, 0, 0);
INSERT INTO heart_rate_record_series_table VALUES
  (10, 61, 1682917200000), (10, 62, 1682917201500), (11, 63, 1682917200000), (99, 64, 1682917205000),
  (10, 0, 1682917206000);
INSERT INTO oxygen_saturation_record_table VALUES (1, 1, 1, 1682917200000, 7200, 97.5);
INSERT INTO steps_record_table VALUES (1, 1, 1, 1682917200000, 1682917260000, 42);
"""

GADGETBRIDGE = """
CREATE TABLE DEVICE (_id INTEGER PRIMARY KEY, NAME TEXT, MANUFACTURER TEXT, IDENTIFIER TEXT, TYPE INTEGER);
CREATE TABLE USER (_id INTEGER PRIMARY KEY, NAME TEXT);
CREATE TABLE MI_BAND_ACTIVITY_SAMPLE (TIMESTAMP INTEGER, DEVICE_ID INTEGER, USER_ID INTEGER, RAW_INTENSITY INTEGER,
  STEPS INTEGER, RAW_KIND INTEGER, HEART_RATE INTEGER, PRIMARY KEY (TIMESTAMP, DEVICE_ID)) WITHOUT ROWID;
CREATE TABLE HUAMI_HEART_RATE_RESTING_SAMPLE (TIMESTAMP INTEGER, DEVICE_ID INTEGER, USER_ID INTEGER, UTC_OFFSET INTEGER,
  HEART_RATE INTEGER, PRIMARY KEY (TIMESTAMP, DEVICE_ID)) WITHOUT ROWID;
CREATE TABLE HUAMI_HEART_RATE_MAX_SAMPLE (TIMESTAMP INTEGER, DEVICE_ID INTEGER, USER_ID INTEGER, UTC_OFFSET INTEGER,
  HEART_RATE INTEGER, PRIMARY KEY (TIMESTAMP, DEVICE_ID)) WITHOUT ROWID;
INSERT INTO DEVICE VALUES (1, 'Mi Band 5 (C8:0F)', 'Huami', 'C8:0F:10:11:12:13', 1),
  (2, 'Twin', 'X', 'A', 2), (3, 'Twin', 'X', 'B', 2);
INSERT INTO MI_BAND_ACTIVITY_SAMPLE VALUES
  (1682917200, 1, 1, 20, 12, 1, 70), (1682917260, 1, 1, 20, 0, 1, 255), (1682917320, 1, 1, 20, -1, 1, 3),
  (1682917380, 1, 1, 0, 0, 115, 88), (1682917440, 2, 1, 0, 0, 1, 71), (1682917440, 3, 1, 0, 0, 1, 72);
INSERT INTO HUAMI_HEART_RATE_RESTING_SAMPLE VALUES (1682917200000, 1, 1, 0, 55);
INSERT INTO HUAMI_HEART_RATE_MAX_SAMPLE VALUES (1682917200000, 1, 1, 0, 180);
"""

TCX = """<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2">
 <Activities><Activity Sport="Running"><Id>2023-05-01T05:00:00Z</Id><Lap StartTime="2023-05-01T05:00:00Z">
  <AverageHeartRateBpm><Value>99</Value></AverageHeartRateBpm><Track>
  <Trackpoint><Time>2023-05-01T05:00:00Z</Time><HeartRateBpm xsi:type="HeartRateInBeatsPerMinute_t"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Value>120</Value></HeartRateBpm></Trackpoint>
  <Trackpoint><Time>2023-05-01T05:00:01.500Z</Time><Position><LatitudeDegrees>40.4</LatitudeDegrees></Position>
    <HeartRateBpm><Value>121</Value></HeartRateBpm></Trackpoint>
  <Trackpoint><Time>2023-05-01T05:00:02Z</Time><HeartRateBpm><Value>0</Value></HeartRateBpm></Trackpoint>
  <Trackpoint><Time>2023-05-01T05:00:03Z</Time></Trackpoint>
  <Trackpoint><Time>today</Time><HeartRateBpm><Value>122</Value></HeartRateBpm></Trackpoint>
 </Track></Lap></Activity></Activities>
</TrainingCenterDatabase>
"""

GPX = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Acme  One" xmlns="http://www.topografix.com/GPX/1/1"
  xmlns:ns3="http://www.garmin.com/xmlschemas/TrackPointExtension/v1"><trk><trkseg>
 <trkpt lat="40.4" lon="-3.7"><ele>600</ele><time>2023-05-01T05:00:00Z</time><extensions>
  <ns3:TrackPointExtension><ns3:hr>120</ns3:hr><ns3:cad>80</ns3:cad></ns3:TrackPointExtension></extensions></trkpt>
 <trkpt lat="40.4" lon="-3.7"><time>2023-05-01T05:00:01Z</time>
  <extensions><heartrate>121</heartrate></extensions></trkpt>
 <trkpt lat="40.4" lon="-3.7"><time>2023-05-01T05:00:02Z</time></trkpt>
</trkseg></trk></gpx>
"""


def fitbit() -> bytes:
    """The archive of a Takeout."""
    folder = "Takeout/Fitbit/"
    rates = [
        {"dateTime": "05/01/23 07:00:00", "value": {"bpm": 62, "confidence": 2}},
        {"dateTime": "05/01/23 07:00:05", "value": {"bpm": 70, "confidence": 0}},
        {"dateTime": "05/01/23 07:00:10", "value": {"bpm": 63, "confidence": 3}},
    ]
    resting = [
        {"dateTime": "05/01/23 00:00:00", "value": {"date": "05/01/23", "value": 58.25, "error": 6.8}},
        {"dateTime": "05/02/23 00:00:00", "value": {"date": None, "value": 0.0, "error": 0.0}},
    ]
    steps = [{"dateTime": "05/01/23 07:00:00", "value": "12"}]
    return zipped(
        {
            f"{folder}Global Export Data/heart_rate-2023-05-01.json": json.dumps(rates).encode(),
            f"{folder}Global Export Data/resting_heart_rate-2023-05-01.json": json.dumps(resting).encode(),
            f"{folder}Global Export Data/steps-2023-05-01.json": json.dumps(steps).encode(),
            f"{folder}Global Export Data/sleep-2023-05-01.json": b"[]",
            f"{folder}Heart Rate Variability/Heart Rate Variability Details - 2023-05-01.csv": (
                b"timestamp,rmssd,coverage,low_frequency,high_frequency\n2023-05-01T02:35:00,31.5,0.98,500.1,400.2\n"
            ),
            f"{folder}Oxygen Saturation (SpO2)/Minute SpO2 - 2023-05-01.csv": (
                b"timestamp,value\n2023-05-01T01:40:00Z,96.4\n2023-05-01T01:41:00Z,50.0\n"
            ),
            f"{folder}Physical Activity_GoogleData/heart_rate_2023-05-01.csv": (
                b"timestamp,beats per minute,data source\n2023-05-01T07:00:00Z,62,Charge 6\n"
            ),
            f"{folder}Physical Activity_GoogleData/heart_rate_2024-05-01.csv": (
                b"timestamp,beats per minute,data source\n2024-05-01T07:00:00Z,64,Charge 6\n"
            ),
        }
    )
