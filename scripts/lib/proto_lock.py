"""The lock of the protos: which numbers were ever given to what, and which sources the generated code comes from.

Called by scripts/proto as
    proto_lock.py numbers FOLDER DESCRIPTORS   fail where the descriptors break with the numbers of FOLDER/lock.txt
    proto_lock.py check FOLDER DESCRIPTORS     the same, and fail where a file differs from the lock
    proto_lock.py write FOLDER DESCRIPTORS     write the lock
    proto_lock.py swift DESCRIPTORS            print the descriptors as Swift, for reflection
DESCRIPTORS is a serialized google.protobuf.FileDescriptorSet, which is read here without a library: it is small.
"""

import base64
import hashlib
import pathlib
import sys

HEAD = """\
# Written by scripts/proto. Every number that was ever given in our protos, and the files as they were generated.
# Lines are never dropped: what is taken away must be `reserved` in its message or enum, and stays here as that.
"""
TYPES = (
    "", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "group", "message", "bytes",
    "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64")


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


class Message:
    """A protobuf message on the wire: field number → values, numbers or bytes."""

    def __init__(self, data: bytes):
        self.fields: dict[int, list] = {}
        at = 0
        while at < len(data):
            key, at = varint(data, at)
            if key & 7 == 0:
                value, at = varint(data, at)
            elif key & 7 == 2:
                length, at = varint(data, at)
                value, at = data[at:at + length], at + length
            else:
                size = {1: 8, 5: 4}[key & 7]
                value, at = data[at:at + size], at + size
            self.fields.setdefault(key >> 3, []).append(value)

    def text(self, number: int) -> str:
        return self.fields.get(number, [b""])[0].decode()

    def int(self, number: int, default: int = 0) -> int:
        return self.fields.get(number, [default])[0]

    def all(self, number: int) -> list["Message"]:
        return [Message(value) for value in self.fields.get(number, [])]


def numbers(descriptors: bytes) -> tuple[dict[str, str], dict[str, list[range]]]:
    """Path → what it is, and path of a message or enum → its reserved numbers; descriptor.proto has the numbers here."""
    entries: dict[str, str] = {}
    reserved: dict[str, list[range]] = {}

    def enum(prefix: str, one: Message):
        path = f"{prefix}.{one.text(1)}"
        reserved[path] = [range(r.int(1), r.int(2) + 1) for r in one.all(4)]
        for value in one.all(2):
            # Negative values are 64-bit two's complement on the wire.
            number = value.int(2)
            entries[f"{path}#{number if number < 1 << 63 else number - (1 << 64)}"] = f"{value.text(1)}"

    def message(prefix: str, one: Message):
        path = f"{prefix}.{one.text(1)}"
        reserved[path] = [range(r.int(1), r.int(2)) for r in one.all(9)]
        for field in one.all(2):
            repeated = "repeated " if field.int(4) == 3 else ""
            kind = field.text(6).lstrip(".") or TYPES[field.int(5)]
            entries[f"{path}#{field.int(3)}"] = f"{field.text(1)} {repeated}{kind}"
        for nested in one.all(3):
            message(path, nested)
        for nested in one.all(4):
            enum(path, nested)

    for file in Message(descriptors).all(1):
        package = file.text(2)
        if package.startswith("google.protobuf"):
            continue
        for one in file.all(4):
            message(package, one)
        for one in file.all(5):
            enum(package, one)
        for service in file.all(6):
            for method in service.all(2):
                streams = ["stream " if method.int(n) else "" for n in (5, 6)]
                types = [streams[i] + method.text(n).lstrip(".") for i, n in enumerate((2, 3))]
                entries[f"{package}.{service.text(1)}/{method.text(1)}"] = f"{types[0]} -> {types[1]}"
    return entries, reserved


def files(folder: pathlib.Path) -> dict[str, str]:
    found = [*folder.rglob("*.proto"), *(folder / "generated").rglob("*.swift")]
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in found}


def read(lock: pathlib.Path) -> tuple[dict[str, str], dict[str, str]]:
    entries: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for line in lock.read_text().splitlines() if lock.exists() else []:
        if line and not line.startswith("#"):
            path, _, what = line.partition(" = ")
            (hashes if what.startswith("sha256 ") else entries)[path] = what.removeprefix("sha256 ")
    return entries, hashes


def merged(old: dict[str, str], new: dict[str, str], reserved: dict[str, list[range]]) -> tuple[dict[str, str], list[str]]:
    """All numbers, old and new, and what is wrong with the new ones."""
    faults = []
    for path, was in old.items():
        owner, _, number = path.partition("#")
        now = new.get(path)
        if now == was:
            continue
        if now is not None and was == "reserved":
            faults.append(f"{path}: {now.split()[0]} reuses a number that is reserved for ever")
        elif now is not None:
            faults.append(f"{path}: was {was}, is {now}; give a new number and reserve the old one")
        elif number and any(int(number) in numbers for numbers in reserved.get(owner, [])):
            new = new | {path: "reserved"}
        else:
            faults.append(f"{path}: {was} is gone" + ("" if not number or owner not in reserved else " and not reserved"))
    return new, faults


def main(action: str, *arguments: str) -> int:
    descriptors = pathlib.Path(arguments[-1]).read_bytes()
    if action == "swift":
        text = base64.b64encode(descriptors).decode()
        lines = "\n".join(f"        {text[i:i + 100]}\\" for i in range(0, len(text), 100))
        print(SWIFT.replace("LINES", lines.removesuffix("\\")), end="")
        return 0
    folder = pathlib.Path(arguments[0])
    lock = folder / "lock.txt"
    old, hashes = read(lock)
    entries, faults = merged(old, *numbers(descriptors))
    if action == "check":
        present = files(folder)
        faults += [f"{path}: has no lock; run scripts/proto" for path in entries if path not in old]
        for path in sorted(present.keys() | hashes.keys()):
            if path not in present:
                faults.append(f"proto/{path}: is missing; run scripts/proto")
            elif path not in hashes:
                faults.append(f"proto/{path}: was not there when the code was generated; run scripts/proto")
            elif present[path] != hashes[path]:
                faults.append(f"proto/{path}: has changed since the code was generated; run scripts/proto")
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    if action == "write":
        lines = [f"{path} = {what}" for path, what in sorted(entries.items(), key=order)]
        lines += ["", *(f"{path} = sha256 {digest}" for path, digest in sorted(files(folder).items()))]
        lock.write_text(HEAD + "\n" + "\n".join(lines) + "\n")
    elif action == "check":
        print(f"protos: {len(entries)} numbers and methods, {len(hashes)} files fit the lock")
    return 0


def order(entry: tuple[str, str]):
    path, _, number = entry[0].partition("#")
    return path, int(number or 0)


SWIFT = '''\
// DO NOT EDIT. Written by scripts/proto.

import FoundationEssentials

/// The descriptors of all protos here and of what they import, for reflection.
package enum ProtoDescriptors {
    /// A serialized `google.protobuf.FileDescriptorSet`: every file after those that it imports.
    package static let fileDescriptorSet = [UInt8](Data(base64Encoded: base64) ?? Data())

    private static let base64 = """
LINES
        """
}
'''

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
