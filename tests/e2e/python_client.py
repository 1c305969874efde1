"""Reads a server's snapshot with Python's gRPC and generated stubs.

Usage: python_client.py STUBS ADDRESS NAME    (STUBS: the folder that protoc wrote; NAME: of processes)
"""

import sys

import grpc

sys.path.insert(0, sys.argv[1])
from daemoneye.v1 import monitor_service_pb2 as pb  # noqa: E402
from daemoneye.v1 import monitor_service_pb2_grpc as stubs  # noqa: E402


def main() -> int:
    with grpc.insecure_channel(sys.argv[2]) as channel:
        service = stubs.MonitorServiceStub(channel)
        granted = service.NegotiateCapabilities(
            pb.NegotiateCapabilitiesRequest(client_id="python"), timeout=20)
        print("monitor", granted.monitor)
        request = pb.StreamEventsRequest(follow=False)
        request.filter.names.append(sys.argv[3])
        for event in service.StreamEvents(request, timeout=20):
            if event.HasField("process"):
                print("process", event.process.pid, event.process.name)
            elif event.control.HasField("snapshot_complete"):
                print("complete", event.control.snapshot_complete.count)
        request.filter.sql = "name ="
        try:
            list(service.StreamEvents(request, timeout=20))
        except grpc.RpcError as error:
            print("refused", error.code().name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
