"""What an analyzer in Python needs beside its analysis: checked requests, slots, health, reflection, an orderly end."""

import concurrent.futures
import contextlib
import os
import signal
import threading

import grpc
from google.protobuf import descriptor_pool, duration_pb2
from daemoneye.v1 import analyzer_service_pb2_grpc, types_pb2

# Made by make_stubs.sh from the protos of gRPC and of google.rpc.
import error_details_pb2
import health_pb2
import health_pb2_grpc
import reflection_pb2
import reflection_pb2_grpc
import status_pb2

SERVICES = ("daemoneye.v1.AnalyzerService", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection")


def validate(request, context, custom_type):
    """Refuses what is no request for `custom_type` about a process, naming the field."""
    target = request.target

    def want(is_good, text, code=grpc.StatusCode.INVALID_ARGUMENT):
        if not is_good:
            context.abort(code, text)

    want(len(request.request_id.encode()) <= 256, "request_id: longer than 256 bytes")
    want(request.analysis_type != types_pb2.ANALYSIS_TYPE_UNSPECIFIED, "analysis_type: is missing")
    path = target.path
    want(not path or (path.startswith("/") and ".." not in path.split("/") and len(path.encode()) <= 4096),
         "target.path: want an absolute path without '..', at most 4,096 bytes")
    want(target.process_key or target.HasField("pid"), "target: want a process_key or a pid")
    want(request.analysis_type == types_pb2.ANALYSIS_TYPE_CUSTOM and request.custom_type == custom_type,
         f"analysis_type: this analyzer has only CUSTOM {custom_type}", grpc.StatusCode.FAILED_PRECONDITION)


def not_found(context):
    """There is no such process, or it may not be looked at: nobody is told which."""
    context.abort(grpc.StatusCode.NOT_FOUND, "target: no such process")


def process_of(target) -> int:
    """The pid of the process that is meant. OSError: it has ended, or `pid` is another one's now."""
    if not target.process_key:
        os.stat(f"/proc/{target.pid}")
        return target.pid
    # "<first 64 bits of the boot id>-<pid namespace>-<pid>-<start ticks>"
    boot, namespace, pid, ticks = (target.process_key.split("-") + [""] * 4)[:4]
    with open("/proc/sys/kernel/random/boot_id") as file:
        is_ours = file.read().replace("-", "")[:16] == boot
    is_ours = is_ours and str(os.stat("/proc/self/ns/pid").st_ino) == namespace
    if not is_ours or not pid.isdigit() or (target.HasField("pid") and str(target.pid) != pid):
        raise ProcessLookupError
    with open(f"/proc/{pid}/stat") as file:
        if file.read().rpartition(")")[2].split()[19] != ticks:
            raise ProcessLookupError
    return int(pid)


class Limiter:
    """So many analyses at once; who comes beyond is told when to come back."""

    def __init__(self, max_concurrent: int):
        self._free = threading.BoundedSemaphore(max_concurrent)

    @contextlib.contextmanager
    def slot(self, context):
        if not self._free.acquire(blocking=False):
            self._refuse(context)
        try:
            yield
        finally:
            self._free.release()

    @staticmethod
    def _refuse(context):
        text = "max_concurrent: too many at once"
        status = status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message=text)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=50_000_000)))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)


class Health(health_pb2_grpc.HealthServicer):
    def Check(self, request, context):
        if request.service not in ("", "liveness", "readiness") + SERVICES:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


class Reflection(reflection_pb2_grpc.ServerReflectionServicer):
    def ServerReflectionInfo(self, requests, context):
        pool = descriptor_pool.Default()
        for request in requests:
            response = reflection_pb2.ServerReflectionResponse(original_request=request)
            try:
                if request.HasField("list_services"):
                    for name in SERVICES:
                        response.list_services_response.service.add(name=name)
                elif request.HasField("file_by_filename"):
                    self._add(response, pool.FindFileByName(request.file_by_filename), set())
                else:
                    self._add(response, pool.FindFileContainingSymbol(request.file_containing_symbol), set())
            except KeyError:
                response.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            yield response

    def _add(self, response, file, seen):
        if file.name not in seen:
            seen.add(file.name)
            response.file_descriptor_response.file_descriptor_proto.append(file.serialized_pb)
            for dependency in file.dependencies:
                self._add(response, dependency, seen)


def serve(address: str, analyzer, health=Health, reflection=Reflection) -> None:
    """Serves until SIGTERM or SIGINT; what is under way then has five seconds."""
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=32)
    server = grpc.server(pool, options=[("grpc.max_receive_message_length", 1 << 20)])
    analyzer_service_pb2_grpc.add_AnalyzerServiceServicer_to_server(analyzer, server)
    health_pb2_grpc.add_HealthServicer_to_server(health(), server)
    if reflection is not None:
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflection(), server)
    port = server.add_insecure_port(address)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    print(f"listening {address} {port}", flush=True)
    ended.wait()
    server.stop(5).wait()
