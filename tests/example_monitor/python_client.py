"""Reads a monitor's stream with nothing but grpcio, protobuf and the generated messages."""

import sys

import grpc
from daemoneye.v1 import event_pb2, monitor_service_pb2


def main(address: str, count: int) -> None:
    with grpc.insecure_channel(address) as channel:
        stream_events = channel.unary_stream(
            "/daemoneye.v1.MonitorService/StreamEvents",
            request_serializer=monitor_service_pb2.StreamEventsRequest.SerializeToString,
            response_deserializer=event_pb2.CollectionEvent.FromString,
        )
        request = monitor_service_pb2.StreamEventsRequest(client_id="python", max_events=count)
        for event in stream_events(request):
            print(event.sequence, event.WhichOneof("payload"), event.origin.monitor, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
