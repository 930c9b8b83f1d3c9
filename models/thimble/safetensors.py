"""A small SafeTensors reader and writer for the dtypes the two model formats use.

Container: 8 bytes little-endian header length, a JSON header, the tensors one after another. `I4` is
private to these formats: two 4-bit codes per byte, and the shape counts *bytes* ([rows/2, columns],
see FORMAT.md section 4). In numpy it appears as uint8, the only use of uint8 here.
"""

import json
import math
import struct
from pathlib import Path

import numpy as np

DTYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I4": np.dtype("u1"), "BF16": np.dtype("<u2")}
NAMES = {DTYPES["F32"]: "F32", DTYPES["F16"]: "F16", DTYPES["I4"]: "I4"}
MAX_HEADER = 1 << 20


def read(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Returns (tensors by name in file order, metadata). BF16 comes back as float32.

    Raises ValueError when the file is not what its header says."""
    data = Path(path).read_bytes()
    if len(data) < 8:
        raise ValueError(f"{path}: {len(data)} bytes are too few for a SafeTensors file")
    (length,) = struct.unpack_from("<Q", data)
    if length > MAX_HEADER or 8 + length > len(data):
        raise ValueError(f"{path}: header length {length} does not fit the file")
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    body, end, tensors = memoryview(data)[8 + length:], 0, {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = entry["data_offsets"]
        dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
        if begin != end or stop - begin != math.prod(shape) * dtype.itemsize or stop > len(body):
            raise ValueError(f"{path}: tensor {name} does not lie where its shape says")
        array = np.frombuffer(body[begin:stop], dtype).reshape(shape)
        if entry["dtype"] == "BF16":
            array = (array.astype("<u4") << 16).view("<f4")
        tensors[name], end = array, stop
    if end != len(body):
        raise ValueError(f"{path}: {len(body) - end} bytes after the last tensor")
    return tensors, metadata


def write(path: str | Path, tensors: dict[str, np.ndarray], metadata: dict[str, object],
          bf16: tuple[str, ...] = ()) -> None:
    """Writes the tensors in the given order. Tensors named in `bf16` are float32 arrays stored as
    the upper half of each number (truncated, as needle-rs does)."""
    header: dict[str, object] = {"__metadata__": {key: str(value) for key, value in metadata.items()}}
    blobs, offset = [], 0
    for name, array in tensors.items():
        if name in bf16:
            blob = (np.ascontiguousarray(array, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
            dtype = "BF16"
        else:
            blob, dtype = np.ascontiguousarray(array).tobytes(), NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for blob in blobs:
            file.write(blob)
