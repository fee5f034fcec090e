"""HdrHistogram for Python (PyPI: hdrhistogram) reads our interval log, and finds what the recording beside it holds.

HLOG_DIR is the directory of an experiment: `latency.hlog` and `recording.jsonl`.
"""

import json
import os
import unittest
from collections import Counter, defaultdict
from urllib.parse import unquote

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

DIR = os.environ["HLOG_DIR"]
DAY = 86_400_000_000_000
"""Three significant digits are kept, and half a unit of the last one is lost twice: here and in the log."""
PRECISION = 0.002


def logged():
    """What the log says, by tag; all windows of a tag together."""
    tags = defaultdict(lambda: HdrHistogram(1, DAY, 3))
    reader = HistogramLogReader(os.path.join(DIR, "latency.hlog"), HdrHistogram(1, DAY, 3))
    starts = []
    while (window := reader.get_next_interval_histogram()) is not None:
        phase, measure, name = window.get_tag().split("/", 2)
        tags[phase, measure, unquote(name)].add(window)
        starts.append(window.get_start_time_stamp())
    reader.close()
    return tags, starts


def recorded():
    """What the recording says, by the same keys: every value, in order; and how the calls ended."""
    values, ends = defaultdict(list), Counter()
    with open(os.path.join(DIR, "recording.jsonl"), encoding="utf-8") as lines:
        summary = json.loads(next(lines))["recording"]["summary"]
        for line in map(json.loads, lines):
            if not isinstance(line, dict) or "call" not in line:
                continue
            call = line["call"]
            end = summary["end"] if call["end"] is None else call["end"]
            phase = "-"
            for mark in summary["phases"]:
                if mark["from"] <= call["intended"] < mark["until"]:
                    phase = mark["phase"].replace("_", "-")
            name = summary["classes"][call["class"]]["name"]
            values[phase, "latency", name].append(end - call["intended"])
            values[phase, "service", name].append(end - call["sent"] - call["queued"])
            ends[call["outcome"]] += 1
    return {key: sorted(own) for key, own in values.items()}, ends


class Log(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tags, cls.starts = logged()
        cls.values, cls.ends = recorded()

    def test_the_same_kinds_of_call(self):
        self.assertEqual(set(self.tags), set(self.values))
        self.assertIn(("fault", "latency", "quick, 90% of all"), self.tags)

    def test_every_call_is_counted_however_it_ended(self):
        self.assertGreater(self.ends["timed_out"], 0, self.ends)
        self.assertGreater(self.ends["open"], 0, self.ends)
        for key, values in self.values.items():
            self.assertEqual(self.tags[key].get_total_count(), len(values), key)

    def test_percentiles(self):
        for key, values in self.values.items():
            for percentile in (50, 90, 95, 99, 99.9, 100):
                # The rank that the package itself takes.
                rank = max(int(percentile / 100 * len(values) + 0.5), 1)
                exact = values[rank - 1]
                told = self.tags[key].get_value_at_percentile(percentile)
                where = f"{key}, p{percentile}: {told} instead of {exact}"
                self.assertLessEqual(abs(told - exact), 1 + exact * PRECISION, where)

    def test_the_windows_are_in_order_and_of_our_time(self):
        self.assertEqual(self.starts, sorted(self.starts))
        written = os.path.getmtime(os.path.join(DIR, "latency.hlog")) * 1000
        for start in self.starts:
            self.assertTrue(written - 600_000 < start <= written, f"{start}, written {written}")


if __name__ == "__main__":
    unittest.main()
