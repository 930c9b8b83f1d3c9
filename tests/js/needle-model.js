/** Random weights in the layout of the published needle.safetensors (models/needle1/README.md), to measure memory with. */
const D = 512, KV = 256, HEAD = 64, GROUP = 32, VOCABULARY = 8192;
const ENCODER = 12, DECODER = 8;
const METADATA = {
  d_model: String(D), num_heads: '8', num_kv_heads: '4', num_encoder_layers: String(ENCODER), num_decoder_layers: String(DECODER), vocab_size: String(VOCABULARY),
  max_enc_len: '1024', max_dec_len: '512', ffn_dim: '2048', no_feedforward: 'True', activation: 'drelu', rope_theta: '10000.0',
};

let seed = 1;
const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const floats = (n, make) => Buffer.from(Float32Array.from({ length: n }, make).buffer);
const noise = (n) => Buffer.from(Uint32Array.from({ length: n / 4 }, () => random() * 2 ** 32).buffer);

function matrix(name, rows, columns) {
  const groups = rows / GROUP;
  return [
    [name, 'I4', [rows / 2, columns], noise(rows / 2 * columns)], // shapes count bytes: two codes in each
    [`${name}.scale`, 'F32', [groups, columns], floats(groups * columns, () => 0.3 / Math.sqrt(rows))],
  ];
}

const ones = (name, n) => [name, 'F32', [n], floats(n, () => 1)];

function attention(name, norm) {
  return [
    ones(norm, D), [`${name}_gate`, 'F32', [1], floats(1, () => 0.5)],
    ...matrix(`${name}.wk`, D, KV), ...matrix(`${name}.wq`, D, D), ...matrix(`${name}.wv`, D, KV), ...matrix(`${name}.wo`, D, D),
    ones(`${name}.q_norm`, HEAD), ones(`${name}.k_norm`, HEAD),
  ];
}

export function publishedWeights() {
  const embedding = Buffer.from(Uint16Array.from({ length: VOCABULARY * D }, () => 0x3c00 + random() * 0x200 + (random() < 0.5 ? 0x8000 : 0)).buffer); // BF16, +-0.008..0.03
  const tensors = [['embedding', 'BF16', [VOCABULARY, D], embedding]];
  for (let i = 0; i < ENCODER; i++) tensors.push(...attention(`encoder.${i}.self_attn`, `encoder.${i}.norm`));
  for (let i = 0; i < DECODER; i++) {
    for (const kind of ['self', 'cross']) tensors.push(...attention(`decoder.${i}.${kind}_attn`, `decoder.${i}.${kind}_attn_norm`));
  }
  tensors.push(ones('encoder_final_norm', D), ones('decoder_final_norm', D));
  let at = 0;
  const header = { __metadata__: METADATA };
  for (const [name, dtype, shape, bytes] of tensors) header[name] = { dtype, shape, data_offsets: [at, (at += bytes.length)] };
  const text = Buffer.from(JSON.stringify(header).padEnd(32240));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...tensors.map((t) => t[3])]);
}

/** Special pieces, bytes, then characters and runs of letters. */
export function publishedVocabulary() {
  const fixed = ['<pad>', '</s>', '<s>', '<unk>', '<tool_call>', '<tools>', ...Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`)];
  const characters = ['▁', ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))];
  const letters = [...'etaoinshrdlucmfwypvbgkjqxz'];
  const pairs = letters.flatMap((a) => letters.map((b) => a + b));
  const triples = pairs.flatMap((a) => letters.map((b) => a + b));
  const pieces = [...characters, ...pairs, ...triples].slice(0, VOCABULARY - fixed.length);
  return Buffer.from([...fixed.map((piece) => `${piece}\t0.0\n`), ...pieces.map((piece, i) => `${piece}\t-${i}.0\n`)].join(''));
}
