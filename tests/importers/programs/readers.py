"""Run in an environment with tcxreader, gpxpy, wfdb and pyedflib: writes recordings into a folder and counts values.

Prints, as JSON, the sorted values that these libraries find in each file of the folder.
"""

import json
import sys
from datetime import date, datetime, time
from pathlib import Path

import gpxpy
import numpy as np
import pyedflib
import wfdb
from tcxreader.tcxreader import TCXReader

FOLDER = Path(sys.argv[1])


def write_edf():
    header = pyedflib.highlevel.make_signal_header("HR", "bpm", 1, 0, 255)
    wave = pyedflib.highlevel.make_signal_header("ECG", "mV", 200, -5, 5)
    rates = 60 + 20 * np.sin(np.arange(600) / 50)
    top = pyedflib.highlevel.make_header(startdate=datetime(2023, 5, 1, 7))  # noqa: DTZ001  EDF has local times
    pyedflib.highlevel.write_edf(str(FOLDER / "night.edf"), [rates, np.zeros(120_000)], [header, wave], top)


def write_wfdb():
    start = {"base_time": time(7), "base_date": date(2023, 5, 1)}
    samples = np.cumsum(np.random.default_rng(1).integers(250, 420, 2_000))
    wave = np.zeros((int(samples[-1]) + 1, 1))
    wfdb.wrsamp("beats", 360, ["mV"], ["V5"], wave, fmt=["16"], write_dir=str(FOLDER), **start)
    wfdb.wrann("beats", "atr", samples, ["N"] * 1_000 + ["V"] * 1_000, fs=360, write_dir=str(FOLDER))
    rates = np.column_stack([60.0 + np.arange(600) % 30, 95.0 + np.arange(600) % 4])
    wfdb.wrsamp("rates", 1, ["bpm", "%"], ["HR", "SpO2"], rates, fmt=["16", "16"], write_dir=str(FOLDER), **start)


def read(path):
    match path.suffix:
        case ".tcx":
            points = TCXReader().read(str(path), only_gps=False).trackpoints
            return [point.hr_value for point in points if point.hr_value]
        case ".gpx":
            track = gpxpy.parse(path.read_text())
            elements = [it for point in track.walk(only_points=True) for root in point.extensions for it in root.iter()]
            return [float(it.text) for it in elements if it.tag.rpartition("}")[2] in ("hr", "heartrate")]
        case ".edf":
            with pyedflib.EdfReader(str(path)) as file:
                return [float(value) for value in file.readSignal(0)]
    if path.stem == "beats":
        marks = wfdb.rdann(str(path.with_suffix("")), "atr")
        return [float(passed) * 1000 / 360 for passed in np.diff(marks.sample)]
    return [float(value) for value in wfdb.rdrecord(str(path.with_suffix(""))).p_signal.ravel()]


write_edf()
write_wfdb()
found = {path.name: sorted(read(path)) for path in FOLDER.iterdir() if path.suffix in (".tcx", ".gpx", ".edf", ".hea")}
print(json.dumps(found))
