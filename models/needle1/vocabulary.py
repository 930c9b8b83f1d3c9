"""Throwaway vocabularies with the training flags of Needle 1's own tokenizer.

    processor = vocabulary.train(700)             a sentencepiece processor
    vocabulary.export(processor).save("vocab.txt")
"""

import io
from functools import cache

import sentencepiece

from . import corpus
from .tokenizer import Tokenizer


@cache
def train(size: int, lines: tuple[str, ...] = ()) -> sentencepiece.SentencePieceProcessor:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines or corpus.lines()), model_writer=model, model_type="bpe",
        vocab_size=size, pad_id=0, eos_id=1, bos_id=2, unk_id=3, byte_fallback=True,
        user_defined_symbols=["<tool_call>", "<tools>"], normalization_rule_name="identity",
        num_threads=1, minloglevel=2)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def export(processor: sentencepiece.SentencePieceProcessor) -> Tokenizer:
    ids = range(processor.get_piece_size())
    return Tokenizer([processor.id_to_piece(i) for i in ids], [processor.get_score(i) for i in ids])
