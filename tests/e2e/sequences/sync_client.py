"""A program that keeps terminals alike: it stores their logs and copies people from one of them to the others.

It is written as carelessly as such programs are. It calls the gateway from inside the loops that read its streams, and
a link that is lost without having been there, or a person who is removed without having been seen, ends its threads.
"""

import grpc
from gsdk import connect_pb2, event_pb2, user_pb2
from copied_client import Reader
from multi_errors import multi_errors

PAGE = 16_384
QUEUE = 16
ENROLLED, UPDATED, DELETED, ALL_DELETED = 0x2000, 0x2200, 0x2400, 0x2600
UP = (connect_pb2.TCP_CONNECTED, connect_pb2.TLS_CONNECTED)


class SyncClient:
    """`enrolment` is the terminal where people are enrolled; `addresses` has (host, port) by device ID."""

    def __init__(self, client, enrolment, addresses):
        self._client, self._enrolment, self._addresses = client, enrolment, addresses
        self.linked, self.enrolled = [], []
        self.statuses = {}  # device ID -> status values in the order in which they came
        self.logs = {device: [] for device in addresses}  # every record, once, in the order of its ID
        self.armed = []     # devices, once their log is read and they are monitored
        self.refused = []   # what could not be copied: (device ID, code)

    def start(self):
        status = self._client.connect.SubscribeStatus(connect_pb2.SubscribeStatusRequest(queueSize=QUEUE))
        status.initial_metadata()
        self._status = Reader(status, self._on_status)
        self._client.connect.AddAsyncConnection(connect_pb2.AddAsyncConnectionRequest(connectInfos=[
            connect_pb2.AsyncConnectInfo(deviceID=device, IPAddr=host, port=port)
            for device, (host, port) in self._addresses.items()]))
        self._live = Reader(self._client.live(QUEUE), self._on_event)

    def stop(self):
        self._client.connect.DeleteAsyncConnection(
            connect_pb2.DeleteAsyncConnectionRequest(deviceIDs=list(self._addresses)))

    def end_streams(self):
        for reader in (self._live, self._status):
            reader.cancel()

    @property
    def errors(self):
        """What ended a thread of this program, if anything did."""
        return [error for error in (self._status.error, self._live.error) if error]

    def _on_status(self, change):
        self.statuses.setdefault(change.deviceID, []).append(change.status)
        if change.status in UP:
            self.linked.append(change.deviceID)
            self._read_log(change.deviceID)
            self._client.event.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=change.deviceID))
            self.armed.append(change.deviceID)
        elif change.status == connect_pb2.DISCONNECTED:
            self.linked.remove(change.deviceID)

    def _read_log(self, device):
        log = self.logs[device]
        while True:
            page = self._client.get_log(device, log[-1].ID + 1 if log else 1, PAGE)
            log.extend(page)
            if len(page) < PAGE:
                return

    def _on_event(self, event):
        log = self.logs[event.deviceID]
        if not log or event.ID > log[-1].ID:
            log.append(event)
        if event.deviceID != self._enrolment:
            return
        others = [device for device in self.linked if device != self._enrolment]
        if event.eventCode == ENROLLED:
            self.enrolled.append(event.userID)
            self._copy(event.userID, others, overwrite=False)
        elif event.eventCode == UPDATED:
            self._copy(event.userID, others, overwrite=True)
        elif event.eventCode == DELETED:
            self.enrolled.remove(event.userID)
            self._client.user.DeleteMulti(user_pb2.DeleteMultiRequest(deviceIDs=others, userIDs=[event.userID]))
        elif event.eventCode == ALL_DELETED:
            self.enrolled.clear()
            self._client.user.DeleteAllMulti(user_pb2.DeleteAllMultiRequest(deviceIDs=others))

    def _copy(self, user, others, overwrite):
        users = self._client.user.Get(user_pb2.GetRequest(deviceID=self._enrolment, userIDs=[user])).users
        try:
            self._client.user.EnrollMulti(
                user_pb2.EnrollMultiRequest(deviceIDs=others, users=users, overwrite=overwrite))
        except grpc.RpcError as error:
            self.refused += [(device, failed.code) for device, failed in multi_errors(error).items()]
