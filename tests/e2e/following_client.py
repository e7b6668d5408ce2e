"""A client of Follow that may be killed at any moment: what it has received stands in one file, batch by batch, each with
its cursor, and it goes on after the last one that is whole.

  following_client.py GATEWAY CA FILE [FILTER]    FILTER: an encoded gatelog.v1.Filter in hexadecimal
"""

import os
import pathlib
import struct
import sys

import harness  # noqa: F401  first: finds the generated contracts

import grpc
from gatelog.v1 import events_pb2, events_pb2_grpc

LENGTH = struct.Struct(">I")
# Back soon after a gateway was killed.
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 20),
           ("grpc.max_reconnect_backoff_ms", 100)]


def read_batches(path):
    """The batches that are whole, and where the last of them ends."""
    batches, end = [], 0
    data = path.read_bytes() if path.exists() else b""
    while end + LENGTH.size <= len(data):
        size, = LENGTH.unpack_from(data, end)
        if end + LENGTH.size + size > len(data):
            break
        batches.append(events_pb2.FollowResponse.FromString(data[end + LENGTH.size:end + LENGTH.size + size]))
        end += LENGTH.size + size
    return batches, end


def follow(address, ca, path, wanted):
    batches, end = read_batches(path)
    request = events_pb2.FollowRequest(cursor=batches[-1].cursor if batches else "", filter=wanted)
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.ftruncate(file, end)
    os.lseek(file, end, os.SEEK_SET)
    print("ready", flush=True)
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read_bytes()), OPTIONS)
    events = events_pb2_grpc.EventsStub(channel)
    while True:
        try:
            for batch in events.Follow(request, wait_for_ready=True):
                message = batch.SerializeToString()
                frame = LENGTH.pack(len(message)) + message
                assert os.write(file, frame) == len(frame)
                request.cursor = batch.cursor
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise


def main():
    address, ca, path, *wanted = sys.argv[1:]
    follow(address, pathlib.Path(ca), pathlib.Path(path),
           events_pb2.Filter.FromString(bytes.fromhex("".join(wanted))))


if __name__ == "__main__":
    main()
