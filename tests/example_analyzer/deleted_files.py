"""An analyzer: does a process run from a deleted file, and does it hold deleted files open?

Usage: deleted_files.py ADDRESS
"""

import os
import sys
import uuid

from daemoneye.v1 import analysis_pb2, analyzer_service_pb2, analyzer_service_pb2_grpc, types_pb2
from serving import Limiter, not_found, process_of, serve, validate

TYPE = "deleted-files"
GONE = " (deleted)"
LIMITS = analysis_pb2.AnalyzerLimits(max_concurrent=4)


def open_file(pid: int, fd: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/fd/{fd}")
    except FileNotFoundError:  # closed meanwhile
        return ""


def look_at(pid: int) -> analysis_pb2.AnalysisResult:
    image = os.readlink(f"/proc/{pid}/exe")
    files = {open_file(pid, fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    deleted = sorted(file for file in files if file.endswith(GONE))[:100]
    is_gone = image.endswith(GONE)
    result = analysis_pb2.AnalysisResult(confidence=0.7)
    result.result.update({"executable": image, "deleted_files": deleted})
    result.verdict = (analysis_pb2.ANALYSIS_VERDICT_SUSPICIOUS if is_gone
                      else analysis_pb2.ANALYSIS_VERDICT_UNKNOWN)
    result.summary = f"executable {'deleted' if is_gone else 'in place'}, {len(deleted)} deleted files open"
    return result


class DeletedFiles(analyzer_service_pb2_grpc.AnalyzerServiceServicer):
    instance_id = str(uuid.uuid4())
    limiter = Limiter(LIMITS.max_concurrent)

    def NegotiateAnalysis(self, request, context):
        return analyzer_service_pb2.NegotiateAnalysisResponse(
            name="deleted-files", version="1.0", instance_id=self.instance_id, limits=LIMITS,
            analysis_types=[types_pb2.ANALYSIS_TYPE_CUSTOM], custom_types=[TYPE])

    def Analyze(self, request, context):
        validate(request, context, TYPE)
        with self.limiter.slot(context):
            try:
                pid = process_of(request.target)
                result = look_at(pid)
                result.authoritative = process_of(request.target) == pid  # it still is that one
                return analyzer_service_pb2.AnalyzeResponse(result=result)
            except OSError:
                not_found(context)


if __name__ == "__main__":
    serve(sys.argv[1], DeletedFiles())
