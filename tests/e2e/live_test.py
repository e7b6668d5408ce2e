"""Live events: monitoring is per device, subscriptions are per channel, delivery is at most once."""

import unittest

from harness import FIRST_ID, EndToEndTest, Subscription, subscribe, wait_for  # first: finds the generated contracts

import grpc
from gatelog.v1 import events_pb2
from gsdk import event_pb2


DOOR_OPENED, DOOR_CLOSED, IDENTIFIED = 0x5200, 0x5300, 0x1300


class LiveTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=2, history=50)
        self.gw = self.gateway()
        self.a, self.b = (self.gw.add(self.sim.address(n)) for n in (1, 2))

    def door(self, device, code=DOOR_OPENED):
        return self.sim.inject(device, eventCode=code, entityID=1)

    def test_enable_then_subscribe_and_the_other_way_round(self):
        self.gw.enable(self.a)
        live = subscribe(self.gw)
        first = self.door(self.a)
        live.wait_id(first)
        self.gw.enable(self.b)
        self.gw.enable(self.b)  # twice is fine
        second = self.door(self.b)
        live.wait_id(second, self.b)
        live.cancel()
        self.assertEqual(grpc.StatusCode.CANCELLED, live.error.code())

    def test_nothing_comes_from_a_device_that_is_not_monitored(self):
        self.gw.enable(self.a)
        live = subscribe(self.gw)
        self.door(self.b)
        self.gw.wait_stored(self.sim)
        live.wait_id(self.door(self.a))
        self.gw.disable(self.a)
        after = self.door(self.a)
        wait_for(lambda: self.gw.info(self.a).next_id > after, "the event stored")
        self.gw.enable(self.a)
        live.wait_id(self.door(self.a))
        self.assertNotIn(after, [e.ID for e in live.events])
        self.assertEqual({self.a}, {e.deviceID for e in live.events})

    def test_several_devices_at_once(self):
        both = [self.a, self.b]
        live = subscribe(self.gw)
        self.gw.event.EnableMonitoringMulti(event_pb2.EnableMonitoringMultiRequest(deviceIDs=both))
        shown = [self.door(device) for device in both]
        wait_for(lambda: len(live.events) == 2, "the events of both")
        self.gw.event.DisableMonitoringMulti(event_pb2.DisableMonitoringMultiRequest(deviceIDs=both))
        hidden = [self.door(device) for device in both]
        self.gw.wait_stored(self.sim)
        self.gw.event.EnableMonitoringMulti(event_pb2.EnableMonitoringMultiRequest(deviceIDs=both))
        shown += [self.door(device) for device in both]
        wait_for(lambda: len(live.events) == 4, "the events of both again")
        self.assertEqual(sorted(shown), sorted(e.ID for e in live.events))
        self.assertTrue(set(hidden).isdisjoint(shown))

    def test_backlog_is_not_live(self):
        self.gw.enable(self.a)
        live = subscribe(self.gw)
        event = live.wait_id(self.door(self.a))
        self.assertEqual([event], live.events)

    def test_a_live_event_can_be_read_at_once(self):
        self.gw.enable(self.a)
        live = subscribe(self.gw)
        for _ in range(50):
            event = live.wait_id(self.door(self.a))
            self.assertEqual([event], self.gw.get_log(event.ID, 1, self.a))

    def test_device_and_code_filters(self):
        for device in (self.a, self.b):
            self.gw.enable(device)
        of_b = subscribe(self.gw, device_ids=[self.b])
        closed = subscribe(self.gw, event_codes=[DOOR_CLOSED])
        both = subscribe(self.gw, device_ids=[self.b], event_codes=[DOOR_CLOSED, IDENTIFIED])
        everything = subscribe(self.gw)
        for code in (DOOR_OPENED, DOOR_CLOSED):
            for device in (self.a, self.b):
                self.door(device, code)
        wait_for(lambda: len(everything.events) == 4, "all events")
        for live in (of_b, closed, both):
            live.wait_id(max(e.ID for e in everything.events if e.deviceID == self.b), self.b)
        wait_for(lambda: len(closed.events) == 2, "both devices")
        # Between devices there is no order.
        shape = lambda live: sorted((e.deviceID, e.eventCode) for e in live.events)  # noqa: E731
        self.assertEqual([(self.b, DOOR_OPENED), (self.b, DOOR_CLOSED)], shape(of_b))
        self.assertEqual([(self.a, DOOR_CLOSED), (self.b, DOOR_CLOSED)], shape(closed))
        self.assertEqual([(self.b, DOOR_CLOSED)], shape(both))
        self.assertEqual(4, len(shape(everything)))

    def test_a_full_queue_drops_for_that_subscriber_alone(self):
        self.gw.enable(self.a)
        # A client that does not read: gRPC's own buffers fill, then its queue of 4, then events are discarded.
        stuck = self.gw.event.SubscribeRealtimeLog(event_pb2.SubscribeRealtimeLogRequest(queueSize=4))
        stuck.initial_metadata()
        reader = subscribe(self.gw, queue_size=60_000)
        count, card = 6000, bytes(range(32))
        for _ in range(count):
            last = self.sim.inject(self.a, eventCode=0x1100, subCode=2, cardData=card, userID="u" * 30)
        reader.wait_id(last)
        self.assertEqual(count, len(reader.events))
        late = Subscription(stuck)
        self.gw.wait_stored(self.sim)
        marker = self.door(self.a)
        reader.wait_id(marker)
        wait_for(lambda: late.events and (late.events[-1].ID >= marker or len(late.events) >= 4), "the slow client reads on")
        got = [e.ID for e in list(late.events)]
        self.assertEqual(sorted(set(got)), got)
        # and the store has them all
        stored = self.gw.events.Query(events_pb2.QueryRequest(
            filter=events_pb2.Filter(log_device_ids=[self.a], event_codes=[0x1100]), page_size=16384)).events
        self.assertLessEqual(count, len(stored))

    def test_a_subscription_survives_a_reconnect_of_the_device(self):
        self.gw.enable(self.a)
        live = subscribe(self.gw)
        live.wait_id(self.door(self.a))
        self.sim.disconnect(self.a)
        self.gw.wait_connected(self.a)
        # Monitoring is restored with the link, at the latest with the arming of pushes.
        wait_for(lambda: self.door(self.a) and len({e.ID for e in live.events}) > 1, "events after the reconnect", every=0.2)
        self.assertIsNone(live.error)
        ids = [e.ID for e in live.events]
        self.assertEqual(sorted(set(ids)), ids)

    def test_follow_gives_each_stored_event_once_and_goes_on_from_its_cursor(self):
        self.gw.wait_stored(self.sim)
        cursor, seqs = "", []

        def follow(until):
            nonlocal cursor
            call = self.gw.events.Follow(events_pb2.FollowRequest(cursor=cursor), timeout=30)
            for batch in call:
                seqs.extend(e.seq for e in batch.events)
                cursor = batch.cursor
                if len(seqs) >= until:
                    call.cancel()
                    return
        follow(100)
        for _ in range(10):
            self.door(self.a)
        follow(110)
        self.assertEqual(list(range(1, len(seqs) + 1)), seqs)
        with self.fails(grpc.StatusCode.OUT_OF_RANGE):
            list(self.gw.events.Follow(events_pb2.FollowRequest(cursor="0123456789abcdef-5"), timeout=30))


if __name__ == "__main__":
    unittest.main()
