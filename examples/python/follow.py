"""Reads a terminal's log and prints live events in words.

  gatelog code list -o json > event_code.json
  protoc -I proto --python_out=stubs --grpc_python_out=stubs --plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin proto/gsdk/*.proto
  PYTHONPATH=stubs /usr/bin/python3 follow.py localhost:4000 ca.crt event_code.json 127.0.0.1 51211
"""
import json
import sys

import grpc
from gsdk import connect_pb2, connect_pb2_grpc, event_pb2, event_pb2_grpc

gateway, ca, codes, host, port = sys.argv[1:]
words = {(e["event_code"], e["sub_code"]): e["desc"] for e in json.load(open(codes))["entries"]}


def show(event):
    meaning = words.get((event.eventCode, event.subCode), f"{event.eventCode:#06x}/{event.subCode:#04x}")
    print(event.deviceID, event.ID, event.timestamp, event.userID or event.entityID or "-", meaning, flush=True)


channel = grpc.secure_channel(gateway, grpc.ssl_channel_credentials(open(ca, "rb").read()))
events = event_pb2_grpc.EventStub(channel)
link = connect_pb2.ConnectInfo(IPAddr=host, port=int(port))
device = connect_pb2_grpc.ConnectStub(channel).Connect(connect_pb2.ConnectRequest(connectInfo=link)).deviceID

events.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=device))
live = events.SubscribeRealtimeLog(event_pb2.SubscribeRealtimeLogRequest(queueSize=1024, deviceIDs=[device]))
live.initial_metadata()  # the subscription is in force before the log is read: nothing falls between the two

last = 0
while page := events.GetLog(event_pb2.GetLogRequest(deviceID=device, startEventID=last + 1, maxNumOfLog=16384)).events:
    for event in page:
        show(event)
    last = page[-1].ID
for event in live:
    if event.ID > last:  # read above already
        show(event)
