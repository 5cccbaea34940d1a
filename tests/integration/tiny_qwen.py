"""Writes a tiny Qwen 3 with random weights, as a GGUF file. Run by the engine's own Python, which has `gguf`."""

import sys

import numpy as np
from gguf import GGUFWriter, TokenType

WIDTH, LAYERS, HEADS, KEY_HEADS, HEAD_WIDTH, FEED, CONTEXT = 64, 2, 4, 2, 16, 128, 256
END_OF_TEXT, TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def letters() -> list[str]:
    """One token for each byte, under the letter that stands for it in GPT-2's vocabularies, and so in Qwen's."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in shown else next(others)) for byte in range(256)]


def add_architecture(writer: GGUFWriter) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_key_length(HEAD_WIDTH)
    writer.add_value_length(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)


def add_vocabulary(writer: GGUFWriter) -> list[str]:
    tokens = [*letters(), END_OF_TEXT, TURN, END_OF_TURN]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * 256 + [TokenType.CONTROL] * 3)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(tokens.index(END_OF_TEXT))
    writer.add_eos_token_id(tokens.index(END_OF_TURN))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    return tokens


def add_weights(writer: GGUFWriter, words: int) -> None:
    random = np.random.default_rng(0)
    tensors = {"token_embd": (words, WIDTH), "output": (words, WIDTH), "output_norm": (WIDTH,)}
    for layer in range(LAYERS):
        tensors |= {f"blk.{layer}.{name}": shape for name, shape in layer_tensors().items()}
    for name, shape in tensors.items():
        weights = np.ones(shape) if name.endswith("norm") else random.standard_normal(shape) * 0.5
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))


def layer_tensors() -> dict[str, tuple[int, ...]]:
    queries, keys = HEADS * HEAD_WIDTH, KEY_HEADS * HEAD_WIDTH
    return {
        "attn_norm": (WIDTH,),
        "attn_q": (queries, WIDTH),
        "attn_q_norm": (HEAD_WIDTH,),
        "attn_k": (keys, WIDTH),
        "attn_k_norm": (HEAD_WIDTH,),
        "attn_v": (keys, WIDTH),
        "attn_output": (WIDTH, queries),
        "ffn_norm": (WIDTH,),
        "ffn_gate": (FEED, WIDTH),
        "ffn_up": (FEED, WIDTH),
        "ffn_down": (WIDTH, FEED),
    }


def main() -> None:
    writer = GGUFWriter(sys.argv[1], "qwen3")
    add_architecture(writer)
    add_weights(writer, len(add_vocabulary(writer)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
