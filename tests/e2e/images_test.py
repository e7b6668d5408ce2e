"""Images: collected after their events, by rules of their own; what is not to be had is known to be absent."""

import unittest

from harness import FIRST_ID, EndToEndTest, wait_for  # first: finds the generated contracts

import grpc
from gatelog.v1 import events_pb2
from gsdk import event_pb2
from simulator.v1 import control_pb2

DENIED = 0x1900  # a terminal with a camera takes an image of it


class ImagesTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(history=0, images=True)
        self.gw = self.gateway()
        self.gw.add(self.sim.address())
        self.gw.wait_connected()

    def hold(self, hold):
        self.sim.control.HoldImages(control_pb2.HoldImagesRequest(device_id=FIRST_ID, hold=hold))

    def denied(self, count=1):
        """Events with an image, stored; their IDs."""
        ids = [self.sim.inject(eventCode=DENIED, subCode=1) for _ in range(count)]
        wait_for(lambda: self.gw.info().next_id > ids[-1], "the events stored")
        return ids

    def settled(self):
        wait_for(lambda: self.gw.info().images_lag == 0, "every image stored or known to be absent")
        return self.gw.info()

    def image(self, event_id, epoch=0):
        return self.gw.events.GetImage(events_pb2.GetImageRequest(
            log_device_id=FIRST_ID, event_id=event_id, epoch=epoch))

    def put(self, event_id, image):
        self.sim.control.PutImage(control_pb2.PutImageRequest(
            device_id=FIRST_ID, id=event_id, image=image))

    def test_an_image_that_comes_late_is_stored_all_the_same(self):
        self.hold(True)
        first, second = self.denied(2)
        with self.fails(grpc.StatusCode.NOT_FOUND, "has not been collected yet"):
            self.image(first)
        self.assertEqual(2, self.gw.info().images_lag)
        self.hold(False)
        info = self.settled()
        self.assertEqual((2, 2, 0), (info.images_wanted, info.images, info.images_absent))
        for event_id in (first, second):
            self.assertEqual(b"\xff\xd8", self.image(event_id).jpeg[:2])

    def test_a_gateway_that_is_killed_asks_for_what_it_lacked(self):
        self.hold(True)
        [event_id] = self.denied()
        self.gw.kill()
        self.hold(False)
        self.gw = self.gateway()
        self.settled()
        self.assertEqual(b"\xff\xd8", self.image(event_id).jpeg[:2])

    def test_an_image_that_the_terminal_dropped_is_absent_once_a_later_one_is_there(self):
        self.hold(True)
        gone, there = self.denied(2)
        dropped = self.sim.control.DropImages(control_pb2.DropImagesRequest(
            device_id=FIRST_ID, first_id=gone, last_id=gone)).dropped
        self.assertEqual(1, dropped)
        self.hold(False)
        self.settled()
        self.assertTrue(self.image(there).jpeg)
        with self.fails(grpc.StatusCode.NOT_FOUND, "no longer had the image"):
            self.image(gone)
        info = self.gw.info()
        self.assertEqual((2, 1, 1), (info.images_wanted, info.images, info.images_absent))
        totals = self.gw.events.GetTotals(events_pb2.GetTotalsRequest())
        self.assertEqual((2, 1, 1), (totals.images_wanted, totals.images, totals.images_absent))

    def test_an_image_of_another_event_is_not_stored_under_this_one(self):
        self.hold(True)
        other_time, other_code, fine = self.denied(3)
        self.put(other_time, event_pb2.ImageLog(ID=other_time, timestamp=1, eventCode=DENIED, subCode=1,
                                                JPGImage=b"\xff\xd8").SerializeToString())
        stored = self.gw.get_log(other_code, 1)[0]
        self.put(other_code, event_pb2.ImageLog(ID=other_code, timestamp=stored.timestamp, eventCode=0x1300,
                                                JPGImage=b"\xff\xd8").SerializeToString())
        self.hold(False)
        self.settled()
        self.assertTrue(self.image(fine).jpeg)
        for event_id in (other_time, other_code):
            with self.fails(grpc.StatusCode.NOT_FOUND, "that of another event"):
                self.image(event_id)

    def test_an_image_that_cannot_be_decoded_holds_up_nobody(self):
        self.hold(True)
        empty, garbage, fine = self.denied(3)
        self.put(empty, event_pb2.ImageLog(ID=empty).SerializeToString())
        self.put(garbage, b"\xff\xff\xff")
        self.hold(False)
        self.settled()
        self.assertTrue(self.image(fine).jpeg)
        with self.fails(grpc.StatusCode.NOT_FOUND, "could not be read"):
            self.image(empty)
        with self.fails(grpc.StatusCode.NOT_FOUND):
            self.image(garbage)

    def test_a_reset_ends_the_images_that_were_not_collected(self):
        self.hold(True)
        [event_id] = self.denied()
        self.sim.control.FactoryReset(control_pb2.FactoryResetRequest(device_id=FIRST_ID))
        wait_for(lambda: self.gw.info().epoch == 2, "the new epoch")
        self.hold(False)
        with self.fails(grpc.StatusCode.NOT_FOUND, "began anew"):
            self.image(event_id, epoch=1)
        [event_id] = self.denied()
        self.settled()
        self.assertEqual(2, self.image(event_id).epoch)
        info = self.gw.info()
        self.assertEqual((2, 1, 1), (info.images_wanted, info.images, info.images_absent))

    def test_a_long_backlog_of_which_few_images_are_left(self):
        sim = self.simulator(name="old", history=20_000, images=True, first_id=FIRST_ID + 100, seed=3)
        device = FIRST_ID + 100
        sim.control.DropImages(control_pb2.DropImagesRequest(device_id=device, first_id=1, last_id=19_000))
        left = sim.terminal(device).images
        self.assertGreater(left, 0)
        self.gw.add(sim.address())
        self.gw.wait_stored(sim)
        last_image = self.gw.events.Query(events_pb2.QueryRequest(
            filter=events_pb2.Filter(log_device_ids=[device], has_image=True), newest_first=True, page_size=1))
        self.assertEqual(1, len(last_image.events))
        wait_for(lambda: self.gw.info(device).images_lag == 0, "every image settled")
        info = self.gw.info(device)
        self.assertEqual(left, info.images)
        self.assertEqual(info.images_wanted - left, info.images_absent)
        self.assertGreater(info.images_absent, 0)


if __name__ == "__main__":
    unittest.main()
