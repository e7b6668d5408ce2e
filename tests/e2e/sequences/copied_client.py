"""A client made the way that programs are copied from manuals: a channel with the CA's certificate and nothing else.

No deadlines, no keep-alive, gRPC's own limits (4 MiB for a received message), streams that are ended by cancelling.
"""

import threading

import harness  # noqa: F401  first: finds the generated contracts

import grpc
from gsdk import (admin_pb2_grpc, card_pb2_grpc, connect_pb2, connect_pb2_grpc, device_pb2_grpc, event_pb2, event_pb2_grpc,
                  face_pb2_grpc, finger_pb2_grpc, thermal_pb2_grpc, tna_pb2_grpc, user_pb2_grpc)


class OldPaths:
    """A channel whose calls take the paths of clients that are older than version 1.5: without `gsdk.`."""

    def __init__(self, channel):
        self._channel = channel

    def unary_unary(self, method, **options):
        return self._channel.unary_unary(method.replace("/gsdk.", "/", 1), **options)

    def unary_stream(self, method, **options):
        return self._channel.unary_stream(method.replace("/gsdk.", "/", 1), **options)


class CopiedClient:
    def __init__(self, gateway, old_paths=False):
        self._channel = grpc.secure_channel(gateway.grpc_address, grpc.ssl_channel_credentials(gateway.ca.read_bytes()))
        channel = OldPaths(self._channel) if old_paths else self._channel
        self.admin = admin_pb2_grpc.AdminStub(channel)
        self.card = card_pb2_grpc.CardStub(channel)
        self.connect = connect_pb2_grpc.ConnectStub(channel)
        self.device = device_pb2_grpc.DeviceStub(channel)
        self.event = event_pb2_grpc.EventStub(channel)
        self.face = face_pb2_grpc.FaceStub(channel)
        self.finger = finger_pb2_grpc.FingerStub(channel)
        self.thermal = thermal_pb2_grpc.ThermalStub(channel)
        self.tna = tna_pb2_grpc.TNAStub(channel)
        self.user = user_pb2_grpc.UserStub(channel)

    def close(self):
        self._channel.close()

    def open(self, host, port):
        """The device ID of the terminal at this address, once the session is up."""
        return self.connect.Connect(connect_pb2.ConnectRequest(
            connectInfo=connect_pb2.ConnectInfo(IPAddr=host, port=port))).deviceID

    def devices(self):
        return {d.deviceID: d for d in self.connect.GetDeviceList(connect_pb2.GetDeviceListRequest()).deviceInfos}

    def get_log(self, device, start, count):
        return self.event.GetLog(event_pb2.GetLogRequest(deviceID=device, startEventID=start, maxNumOfLog=count)).events

    def live(self, queue_size=16, device_ids=()):
        """A live stream. Once its headers are there the gateway has taken the subscription."""
        call = self.event.SubscribeRealtimeLog(
            event_pb2.SubscribeRealtimeLogRequest(queueSize=queue_size, deviceIDs=device_ids))
        call.initial_metadata()
        return call


class Reader(threading.Thread):
    """Does `handle` with each message of a stream on a thread of its own, as client programs do, until the stream is
    cancelled. What else ends it is in `error`."""

    def __init__(self, call, handle):
        super().__init__(daemon=True)
        self.error = None
        self._call, self._handle = call, handle
        self.start()

    def run(self):
        try:
            for message in self._call:
                self._handle(message)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED or error is not self._call:
                self.error = error
        except Exception as error:  # noqa: BLE001  a program's own mistake would end its thread in silence
            self.error = error

    def cancel(self):
        self._call.cancel()
        self.join(10)
