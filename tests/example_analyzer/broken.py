"""The example analyzer, broken in one way: what analyzer_conformance has to find.

Usage: broken.py MODE ADDRESS
"""

import contextlib
import os
import sys
import time
import uuid

import grpc
import deleted_files
import serving
from daemoneye.v1 import analysis_pb2, analyzer_service_pb2 as pb, types_pb2

MODE = sys.argv[1]


class Broken(deleted_files.DeletedFiles):
    is_first = True

    def NegotiateAnalysis(self, request, context):
        answer = super().NegotiateAnalysis(request, context)
        if MODE == "no-types":
            del answer.analysis_types[:]
            del answer.custom_types[:]
        elif MODE == "no-version":
            answer.version = ""
        elif MODE == "other-instance":
            answer.instance_id = str(uuid.uuid4())
        elif MODE == "claims-too-much":
            answer.analysis_types.append(types_pb2.ANALYSIS_TYPE_BINARY_HASH)
        elif MODE == "slow":
            answer.limits.max_duration.nanos = 1_000_000
        return answer

    def Analyze(self, request, context):
        if MODE == "crashes" and len(request.target.path) > 4000:
            os._exit(1)
        if MODE == "finds-everything" and request.target.pid > 1 << 22:
            request.target.pid = os.getpid()
        if MODE == "any-process-of-the-pid":
            if request.target.HasField("pid"):
                request.target.process_key = ""
        if MODE == "tells-what-exists" and os.path.exists(request.target.path):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "target.path: may not be read")
        if MODE == "slow" and self.is_first:
            self.is_first = False
            time.sleep(1.1)
        answer = super().Analyze(request, context)
        result = answer.result
        if MODE == "too-sure":
            result.confidence = 7
        elif MODE == "no-verdict":
            result.verdict = analysis_pb2.ANALYSIS_VERDICT_UNSPECIFIED
        elif MODE == "no-summary":
            result.summary = ""
        elif MODE == "too-much":
            result.result.update({"text": "x" * 70_000})
        return answer


class Forgetful(serving.Limiter):
    """Keeps the slots of calls that nobody waits for any more."""

    @contextlib.contextmanager
    def slot(self, context):
        if not self._free.acquire(blocking=False):
            self._refuse(context)
        time.sleep(0.5)
        if not context.is_active():
            context.abort(grpc.StatusCode.CANCELLED, "")
        try:
            yield
        finally:
            self._free.release()


class Silent(serving.Limiter):
    @contextlib.contextmanager
    def slot(self, context):
        with super().slot(context):
            time.sleep(0.05)
            yield

    @staticmethod
    def _refuse(context):
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")


class Ill(serving.Health):
    def Check(self, request, context):
        if MODE == "knows-every-service" or request.service != "readiness":
            return super().Check(request, context) if request.service != "no.such.Service" else (
                serving.health_pb2.HealthCheckResponse(status=1))
        return serving.health_pb2.HealthCheckResponse(status=2)


def any_request(request, context, custom_type):
    if MODE == "takes-anything" and not (request.target.process_key or request.target.HasField("pid")):
        request.target.pid = os.getpid()
    elif MODE == "refuses-without-a-name" and not request.target.process_key:
        if not request.target.HasField("pid"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad request")
    elif MODE == "wrong-code":
        if request.analysis_type not in (types_pb2.ANALYSIS_TYPE_UNSPECIFIED, types_pb2.ANALYSIS_TYPE_CUSTOM):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "analysis_type: not mine")
    if MODE != "takes-anything":
        validate(request, context, custom_type)


validate = deleted_files.validate
deleted_files.validate = any_request
limiter = {"forgets-slots": Forgetful, "no-retry-info": Silent}.get(MODE, serving.Limiter)
Broken.limiter = limiter(deleted_files.LIMITS.max_concurrent)
health = Ill if MODE in ("not-ready", "knows-every-service") else serving.Health
serving.serve(sys.argv[2], Broken(), health, None if MODE == "no-reflection" else serving.Reflection)
