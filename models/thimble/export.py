"""Training checkpoint -> model file of the engine (FORMAT.md section 4).

    python3 -m thimble.export CHECKPOINT OUT [--name NAME] [--calibration TEXT] [--min-confidence TEXT] [--none-above TEXT]
    python3 -m thimble.export MODEL OUT --restore           a model file -> a checkpoint to train on from

Matrices and the embedding become INT4 with float16 scales, the rest float32. A restored checkpoint has the values that the INT4
codes stand for.
"""

import argparse

import numpy as np

from . import safetensors
from .network import Model, pack_codes, quantise_embedding, quantise_matrix, tensor_shapes

METADATA = ("d_model", "num_heads", "num_kv_heads", "num_encoder_layers", "num_decoder_layers",
            "vocab_size", "rope_theta", "trained_examples", "calibration", "min_confidence", "none_above")


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
            codes, out[name + ".scale"] = quantise_embedding(array)
            out[name] = pack_codes(codes.T).T
        elif name.rsplit(".", 1)[-1] in ("wq", "wk", "wv", "wo"):
            codes, out_scale = quantise_matrix(array)
            out[name], out[name + ".scale"] = pack_codes(codes), out_scale
        else:
            out[name] = array
    return out


def restore(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> dict[str, np.ndarray]:
    """A model file's or a checkpoint's weights in float32, under the same names. ValueError as in `export`."""
    model = Model(tensors, metadata)
    out = model.vectors | {name: matrix.weight for name, matrix in model.matrices.items()}
    export(out, metadata)
    return {name: out[name] for name in tensor_shapes(metadata)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    parser.add_argument("--name", default="tiny")
    parser.add_argument("--calibration", help="text for the metadata's `calibration` entry")
    parser.add_argument("--min-confidence", help="the same for `min_confidence`")
    parser.add_argument("--none-above", help="the same for `none_above`")
    parser.add_argument("--restore", action="store_true", help="the other way: CHECKPOINT is a model file")
    args = parser.parse_args()
    tensors, found = safetensors.read(args.checkpoint)
    if args.restore:
        safetensors.write(args.out, restore(tensors, found), found)
        return
    metadata = {"format": "thimble1", "name": args.name}
    metadata |= {key: found[key] for key in METADATA if key in found}
    given = {"calibration": args.calibration, "min_confidence": args.min_confidence, "none_above": args.none_above}
    metadata |= {key: text for key, text in given.items() if text}
    safetensors.write(args.out, export(tensors, metadata), metadata)


if __name__ == "__main__":
    main()
