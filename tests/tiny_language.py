"""Language models with random weights and a tokenizer of their own: no download, a fit takes seconds."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    set_seed,
)

CORPUS = (
    "The ball is played to the left and the keeper holds it.",
    "Question: Who scored? Answer: Salah scored in the last minute of the match.",
    "A corner for the home side, swung in, headed over the bar.",
    "Kane, Son and Messi are on the pitch; the referee looks at his watch.",
    "Breast cancer, housing prices and handwritten digits are data sets of machine learning.",
)


def tokenizer(words: int = 400) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer trained on a few sentences: it can write any text."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=words, special_tokens=["<bos>", "<eos>"], initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(CORPUS * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<bos>", eos_token="<eos>")


def gpt2(vocabulary: int) -> GPT2LMHeadModel:
    set_seed(0)
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=512, n_embd=32, n_layer=3, n_head=2, bos_token_id=0, eos_token_id=1
    )
    return GPT2LMHeadModel(config).eval()


def gemma3(vocabulary: int) -> Gemma3ForCausalLM:
    set_seed(0)
    config = Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=8,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return Gemma3ForCausalLM(config).eval()


FAMILIES = {"gpt2": gpt2, "gemma3": gemma3}


def save(folder: Path, family: str, vocabulary: int = 2000) -> Path:
    """A model folder as transformers writes it; most of the vocabulary never occurs."""
    tokenizer().save_pretrained(folder)
    FAMILIES[family](vocabulary).save_pretrained(folder)
    return folder
