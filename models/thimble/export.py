"""Training checkpoint -> model file of the engine (FORMAT.md section 4).

    python3 -m thimble.export CHECKPOINT OUT [--name NAME] [--calibration TEXT] [--min-confidence TEXT]

Matrices become INT4 with float16 scales, the embedding INT8 with float32 scales, the rest float32.
"""

import argparse

import numpy as np

from . import safetensors
from .network import pack_codes, quantise_embedding, quantise_matrix, tensor_shapes

METADATA = ("d_model", "num_heads", "num_kv_heads", "num_encoder_layers", "num_decoder_layers",
            "vocab_size", "rope_theta", "trained_examples", "calibration", "min_confidence")


def export(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> dict[str, np.ndarray]:
    """The quantised tensors, in the order of `tensor_shapes`. ValueError on a wrong or missing one."""
    shapes = tensor_shapes(metadata)
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        raise ValueError(f"the checkpoint holds tensors that thimble1 does not know: {unknown}")
    out = {}
    for name, shape in shapes.items():
        if name not in tensors or tensors[name].shape != shape:
            found = tensors[name].shape if name in tensors else "nothing"
            raise ValueError(f"tensor {name}: expected shape {shape}, found {found}")
        array = tensors[name].astype(np.float32)
        if not np.isfinite(array).all():
            raise ValueError(f"tensor {name} holds NaN or infinity")
        if name == "embedding":
            out[name], out[name + ".scale"] = quantise_embedding(array)
        elif name.rsplit(".", 1)[-1] in ("wq", "wk", "wv", "wo"):
            codes, out_scale = quantise_matrix(array)
            out[name], out[name + ".scale"] = pack_codes(codes), out_scale
        else:
            out[name] = array
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    parser.add_argument("--name", default="tiny")
    parser.add_argument("--calibration", help="text for the metadata's `calibration` entry")
    parser.add_argument("--min-confidence", help="the same for `min_confidence`")
    args = parser.parse_args()
    tensors, found = safetensors.read(args.checkpoint)
    metadata = {"format": "thimble1", "name": args.name}
    metadata |= {key: found[key] for key in METADATA if key in found}
    if args.calibration:
        metadata["calibration"] = args.calibration
    if args.min_confidence:
        metadata["min_confidence"] = args.min_confidence
    safetensors.write(args.out, export(tensors, metadata), metadata)


if __name__ == "__main__":
    main()
