#!/usr/bin/python3
"""Writes protos/REFERENCE.md: every service, message and enum of the API, from the comments in the .proto files.

Usage: reference.py                 writes protos/REFERENCE.md
       reference.py --check [FILE]  fails when FILE (default: that page) is not what would be written
"""

import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROTOS = REPOSITORY / "protos"
PAGE = PROTOS / "REFERENCE.md"

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    Field.TYPE_DOUBLE: "double", Field.TYPE_FLOAT: "float", Field.TYPE_INT64: "int64", Field.TYPE_UINT64: "uint64",
    Field.TYPE_INT32: "int32", Field.TYPE_FIXED64: "fixed64", Field.TYPE_FIXED32: "fixed32", Field.TYPE_BOOL: "bool",
    Field.TYPE_STRING: "string", Field.TYPE_BYTES: "bytes", Field.TYPE_UINT32: "uint32",
    Field.TYPE_SFIXED32: "sfixed32", Field.TYPE_SFIXED64: "sfixed64", Field.TYPE_SINT32: "sint32",
    Field.TYPE_SINT64: "sint64",
}


def load() -> descriptor_pb2.FileDescriptorSet:
    """The descriptors of every file of ours, comments included."""
    files = sorted(str(f.relative_to(PROTOS)) for f in (PROTOS / "daemoneye").rglob("*.proto"))
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", "-I.", "--include_source_info", f"--descriptor_set_out={out.name}", *files],
                       cwd=PROTOS, check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(out.read())


def anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower())


class FilePage:
    """Renders one file; a comment is found by its descriptor's path, as descriptor.proto describes."""

    def __init__(self, file: descriptor_pb2.FileDescriptorProto):
        self.file = file
        self.package = "." + file.package + "."
        self.comments = {tuple(l.path): l.leading_comments for l in file.source_code_info.location}

    def comment(self, *path: int) -> str:
        lines = [l.strip() for l in self.comments.get(path, "").strip().splitlines()]
        text = "\n".join(l for l in lines if not l.startswith("buf:lint:"))
        return "\n\n".join(" ".join(p.split()) for p in text.split("\n\n"))

    def cell(self, *path: int) -> str:
        return self.comment(*path).replace("|", "\\|").replace("<", "&lt;").replace("\n\n", "<br>")

    def type_name(self, full: str) -> str:
        if full.startswith(self.package):
            short = full[len(self.package):]
            return f"[{short}](#{anchor(short)})"
        return full.lstrip(".")

    def field_type(self, message, field) -> str:
        for nested in message.nested_type:
            if nested.options.map_entry and field.type_name.endswith("." + nested.name):
                key, value = (self.field_type(nested, f) for f in nested.field)
                return f"map&lt;{key}, {value}&gt;"
        name = SCALARS.get(field.type) or self.type_name(field.type_name)
        if field.label == Field.LABEL_REPEATED:
            return "repeated " + name
        return "optional " + name if field.proto3_optional else name

    def message(self, index: int, message) -> list[str]:
        out = [f"### {message.name}", "", self.comment(4, index), ""]
        if not message.field:
            return out + ["No fields.", ""]
        out += ["| # | field | type | |", "|---|---|---|---|"]
        for i, field in enumerate(message.field):
            kind = self.field_type(message, field)
            if field.HasField("oneof_index") and not field.proto3_optional:
                kind += f" (one of `{message.oneof_decl[field.oneof_index].name}`)"
            out.append(f"| {field.number} | `{field.name}` | {kind} | {self.cell(4, index, 2, i)} |")
        return out + [""]

    def enum(self, index: int, enum) -> list[str]:
        out = [f"### {enum.name}", "", self.comment(5, index), "", "| # | value | |", "|---|---|---|"]
        out += [f"| {v.number} | `{v.name}` | {self.cell(5, index, 2, i)} |" for i, v in enumerate(enum.value)]
        return out + [""]

    def service(self, index: int, service) -> list[str]:
        out = [f"### {service.name}", "", self.comment(6, index), "", "| RPC | in | out | |", "|---|---|---|---|"]
        for i, rpc in enumerate(service.method):
            stream_in = "stream " if rpc.client_streaming else ""
            stream_out = "stream " if rpc.server_streaming else ""
            out.append(f"| `{rpc.name}` | {stream_in}{self.type_name(rpc.input_type)} | "
                       f"{stream_out}{self.type_name(rpc.output_type)} | {self.cell(6, index, 2, i)} |")
        return out + [""]

    def render(self) -> list[str]:
        head = self.comment(2)  # the comment above `package`
        out = [f"## {self.file.name}", ""] + ([head, ""] if head else [])
        for i, service in enumerate(self.file.service):
            out += self.service(i, service)
        for i, message in enumerate(self.file.message_type):
            out += self.message(i, message)
        for i, enum in enumerate(self.file.enum_type):
            out += self.enum(i, enum)
        return out


def page() -> str:
    files = load().file
    # Services first: they are what a client begins with.
    ordered = sorted(files, key=lambda f: (not f.service, f.name))
    out = ["# API reference", "", "Written by `tools/reference/reference.py` from the comments in the `.proto` files; "
           "edit those, then run it again.", ""]
    for file in ordered:
        out.append(f"- [{file.name}](#{anchor(file.name)})")
    out.append("")
    for file in ordered:
        out += FilePage(file).render()
    return "\n".join(out).rstrip() + "\n"


def main() -> int:
    wanted = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted)
        return 0
    path = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else PAGE
    there = path.read_text() if path.exists() else ""
    if there == wanted:
        return 0
    diff = difflib.unified_diff(there.splitlines(), wanted.splitlines(), str(path), "as it should be", lineterm="", n=1)
    print("\n".join(list(diff)[:40]))
    print(f"{path.name} is not current: run tools/lint/protos.sh fix")
    return 1


if __name__ == "__main__":
    sys.exit(main())
