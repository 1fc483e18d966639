"""A tiny random chat model, made from a config, and a tokenizer trained on a few sentences: loaded the real way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

__all__ = ["SIZE", "TEMPLATE", "make_model"]

SIZE = 512
CONTEXT = 4096
SENTENCES = (
    "The answer is right, and every test passes.",
    'The function returns None where the caller wants a list: "findings", "claim", "severity".',
    "You are a careful critic. Look at the evidence first, then at the draft.",
    '{"verdict": "revise", "score": 0.5, "line": 12, "path": "shop/cart.py"}',
)
TEMPLATE = (
    "{% if tools %}<|start|>tools\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "Call one as <tool_call>\n…\n</tool_call><|end|>\n{% endif %}"
    "{% for message in messages %}<|start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}"
    "<|end|>\n{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
# Full attention; windows; convolutions beside attention; learned positions; no attention at all.
KINDS: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 24},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_ff_dim": 64},
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT},
    "mamba": {"state_size": 4},
}


def make_tokenizer(template: str | None = TEMPLATE) -> Any:
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    words.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(
            vocab_size=400,
            show_progress=False,
            special_tokens=["<|pad|>", "<|start|>", "<|end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|end|>", pad_token="<|pad|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|start|>"]})
    tokenizer.chat_template = template
    return tokenizer


def make_model(folder: Path, kind: str = "llama", *, template: str | None = TEMPLATE, seed: int = 0) -> Path:
    """A folder as `save_pretrained` writes it. Its logits are spread out, so that the likeliest token is clear."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from revet.models.local.loading import no_progress

    tokenizer = make_tokenizer(template)
    common = {
        "vocab_size": SIZE,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    given = KINDS[kind]
    if kind == "gpt2":
        names = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")
        common = {name: common[name] for name in names}
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **common, **given))
    with torch.no_grad():
        model.get_output_embeddings().weight.normal_(std=0.5)
        for parameter in model.get_input_embeddings().parameters():
            parameter.normal_(std=1.0)
    with no_progress():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
