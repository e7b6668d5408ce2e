"""Proves that check_layers.py catches what it is for."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_layers


class CheckLayersTest(unittest.TestCase):
    def errors(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                file = pathlib.Path(root) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            return check_layers.check(root)[0]

    def includes(self, source, target):
        name = target.removeprefix("src/")
        return self.errors({source: f'#include "{name}"\n', target: "\n"})

    def test_downward_includes_pass(self):
        for source, target in [
            ("src/model/event.h", "src/base/clock.h"),
            ("src/core/fleet/fleet.cc", "src/core/live/live_hub.h"),
            ("src/core/access/log_access.cc", "src/core/fleet/fleet.h"),
            ("src/store/sqlite/store.cc", "src/ports/event_store.h"),
            ("src/api/gsdk/event_service.cc", "src/api/rpc/status.h"),
            ("src/config/config.cc", "src/core/fleet/fleet_options.h"),
            ("apps/gatelogd/main.cc", "src/store/sqlite/store.h"),
            ("apps/gatelog-sim/main.cc", "src/device/terminal/frame_codec.h"),
            ("src/core/live/live_hub_test.cc", "tests/support/fake.h"),
        ]:
            with self.subTest(source=source, target=target):
                self.assertEqual([], self.includes(source, target))

    def test_upward_and_sibling_includes_fail(self):
        for source, target in [
            ("src/base/log.cc", "src/model/event.h"),
            ("src/model/event.cc", "src/ports/event_store.h"),
            ("src/ports/device_link.h", "src/core/live/live_hub.h"),
            ("src/core/live/live_hub.cc", "src/core/ingest/ingest.h"),
            ("src/core/live/live_hub.cc", "src/core/fleet/fleet.h"),
            ("src/core/fleet/fleet.cc", "src/core/access/log_access.h"),
            ("src/core/query/reader.cc", "src/store/sqlite/store.h"),
            ("src/device/terminal/link.cc", "src/device/uhppote/codec.h"),
            ("src/device/terminal/link.cc", "src/core/fleet/fleet.h"),
            ("src/store/sqlite/store.cc", "src/core/ingest/ingest.h"),
            ("src/api/rpc/status.cc", "src/api/gsdk/event_service.h"),
            ("src/api/gsdk/event_service.cc", "src/api/http/server.h"),
            ("src/config/config.cc", "src/core/fleet/fleet.h"),
            ("apps/gatelog/main.cc", "src/core/fleet/fleet.h"),
            ("apps/gatelog-sim/main.cc", "src/store/sqlite/store.h"),
            ("src/core/live/live_hub.cc", "tests/support/fake.h"),
        ]:
            with self.subTest(source=source, target=target):
                self.assertEqual(1, len(self.includes(source, target)))

    def test_a_file_outside_the_layers_fails(self):
        self.assertEqual(1, len(self.errors({"src/util/strings.h": "\n"})))

    def test_a_long_file_fails(self):
        self.assertEqual(1, len(self.errors({"src/base/log.cc": "\n" * 601})))
        self.assertEqual([], self.errors({"src/base/log.cc": "\n" * 600}))


if __name__ == "__main__":
    unittest.main()
