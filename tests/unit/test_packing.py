"""Packed samples do not see each other, answers alone are learnt, the cut vocabulary does not mislead."""

import math
from typing import Any

import numpy as np
import pytest
import torch

import tiny_language as tiny
from preseason.language.packing import IGNORED, Blocks, in_one_block, pack, pieces_of
from preseason.language.samples import Example, Message, Quiz
from preseason.language.scoring import head_is_plain, hidden_states, log_likelihoods, logits_of, perplexity
from preseason.language.template import encode_dialogue, prepare, prompt_tokens, render
from preseason.language.vocabulary import DRAWN, Head


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return prepare(tiny.tokenizer())


def dialogue(*contents: str) -> Example:
    roles = ("user", "assistant")
    turns = tuple(Message(roles[at % 2], text) for at, text in enumerate(contents))
    return Example(contents[0], messages=turns)


TALKS = (
    dialogue("Who scored?", "Salah scored.", "When?", "In the last minute."),
    dialogue("Who holds the ball?", "The keeper."),
    dialogue("A corner?", "For the home side."),
)


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_packed_logits_equal_those_of_single_pieces(family: str, tokenizer: Any) -> None:
    network = tiny.FAMILIES[family](2000)
    pieces = pieces_of(tokenizer, TALKS, 128)
    packed = in_one_block(pieces, tokenizer.pad_token_id)
    together, _ = hidden_states(network, packed)
    alone = [hidden_states(network, in_one_block([piece], tokenizer.pad_token_id))[0] for piece in pieces]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_padding_at_the_end_changes_nothing(family: str, tokenizer: Any) -> None:
    network = tiny.FAMILIES[family](2000)
    pieces = pieces_of(tokenizer, TALKS[:1], 128)
    exact, padded = in_one_block(pieces, tokenizer.pad_token_id), pack(pieces, 128, tokenizer.pad_token_id)
    assert padded.ids.shape == (1, 128)
    assert torch.allclose(hidden_states(network, exact)[0], hidden_states(network, padded)[0], atol=1e-5)


def test_every_learnt_token_is_packed_once(tokenizer: Any) -> None:
    talks = [dialogue(f"Who is number {at}?", f"Number {at} is Kane." * (at % 4 + 1)) for at in range(40)]
    pieces = pieces_of(tokenizer, talks, 160)
    blocks = pack(pieces, 160, tokenizer.pad_token_id)
    assert blocks.learnt == sum(int(piece.learn[1:].sum()) for piece in pieces)
    assert len(blocks) < len(pieces)
    wanted = sorted(int(token) for piece in pieces for token in piece.ids[1:][piece.learn[1:]])
    assert sorted(blocks.targets[blocks.targets != IGNORED].tolist()) == wanted


def test_only_answers_and_their_ends_are_learnt(tokenizer: Any) -> None:
    ids, said = encode_dialogue(tokenizer, TALKS[0].messages)
    assert tokenizer.decode(ids[said]) == " Salah scored.<eos> In the last minute.<eos>"


def test_the_mask_is_that_of_the_templates_generation_tags(tokenizer: Any) -> None:
    turns = [{"role": turn.role, "content": turn.content} for turn in TALKS[0].messages]
    theirs = tokenizer.apply_chat_template(
        turns, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    ids, said = encode_dialogue(tokenizer, TALKS[0].messages)
    assert theirs["input_ids"] == ids.tolist()
    assert [bool(flag) for flag in theirs["assistant_masks"]] == said.tolist()


def test_a_template_of_the_models_own_is_followed() -> None:
    own = tiny.tokenizer()
    own.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    ids, said = encode_dialogue(prepare(own), TALKS[1].messages)
    assert own.decode(ids[said]) == "The keeper.<eos>"


def test_a_turn_that_is_not_to_be_learnt_is_left_out(tokenizer: Any) -> None:
    turns = (Message("user", "A?"), Message("assistant", "No.", learn=False))
    turns += (Message("user", "B?"), Message("assistant", "Yes."))
    ids, said = encode_dialogue(tokenizer, turns)
    assert tokenizer.decode(ids[said]) == " Yes.<eos>"


def test_training_and_asking_begin_alike(tokenizer: Any) -> None:
    """What is asked later must be, token by token, the beginning of what was trained on."""
    ids, _ = encode_dialogue(tokenizer, TALKS[1].messages)
    prompt = prompt_tokens(tokenizer, TALKS[1].messages[:1])
    assert ids[: len(prompt)].tolist() == prompt
    assert render(tokenizer, TALKS[1].messages[:1], asking=True).endswith("Answer:")


def test_long_texts_become_windows_and_long_dialogues_are_cut_between_exchanges(tokenizer: Any) -> None:
    text = Example("a", text="The keeper holds the ball. " * 40)
    pieces = pieces_of(tokenizer, [text], 32)
    assert {len(piece.ids) for piece in pieces[:-1]} == {32}
    assert all(piece.ids[0] == tokenizer.bos_token_id for piece in pieces)
    joined = np.concatenate([piece.ids[1:] for piece in pieces])
    assert tokenizer.decode(joined) == text.text + "<eos>"
    long = dialogue(*[f"{word} {at}" for at in range(6) for word in ("Who is", "It is")])
    parts = pieces_of(tokenizer, [long], 48)
    assert len(parts) > 1
    assert all(len(part.ids) <= 48 for part in parts)
    said = "".join(tokenizer.decode(part.ids[part.learn]) for part in parts)
    assert said == "".join(f" It is {at}<eos>" for at in range(6))


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_perplexity_is_that_of_transformers(family: str, tokenizer: Any) -> None:
    network = tiny.FAMILIES[family](2000)
    blocks = pack(pieces_of(tokenizer, [Example("a", text="The keeper holds the ball.")], 64), 64, 1)
    size = int((blocks.targets[0] != IGNORED).sum()) + 1
    ids = torch.from_numpy(blocks.ids[:, :size])
    with torch.inference_mode():
        loss = float(network(input_ids=ids, labels=ids).loss)
    assert perplexity(next(iter(log_likelihoods(network, blocks)))) == pytest.approx(math.exp(loss), rel=1e-4)


def test_a_head_that_does_more_is_noticed(tokenizer: Any) -> None:
    network = tiny.gpt2(2000)
    blocks = pack(pieces_of(tokenizer, TALKS, 64), 64, 1)
    assert head_is_plain(network, blocks)
    network.lm_head.register_forward_hook(lambda layer, given, found: found / 3)
    assert not head_is_plain(network, blocks)


def test_the_cut_vocabulary_estimates_the_loss_of_the_whole(tokenizer: Any) -> None:
    """Without the words left out the loss is far too low; with the drawn ones it is right on average."""
    network = tiny.gpt2(4000)
    with torch.no_grad():
        network.lm_head.weight.mul_(8)
    network.requires_grad_(False)
    blocks = pack(pieces_of(tokenizer, TALKS, 64), 64, 1)
    states, targets = hidden_states(network, blocks)
    head = Head(network, blocks)
    assert head.cut
    assert head.size == len(np.unique(targets)) + DRAWN
    exact = float(torch.nn.functional.cross_entropy(logits_of(network, states), targets))
    drawn = [float(head.loss(states, targets, torch.Generator().manual_seed(at))) for at in range(40)]
    inside = float(
        torch.nn.functional.cross_entropy(logits_of(network, states, head.words), head.place[targets])
    )
    assert np.mean(drawn) == pytest.approx(exact, abs=0.05)
    assert abs(inside - exact) > 0.5


def test_a_small_vocabulary_is_not_cut(tokenizer: Any) -> None:
    network = tiny.gpt2(500).requires_grad_(False)
    blocks = pack(pieces_of(tokenizer, TALKS, 64), 64, 1)
    head = Head(network, blocks)
    states, targets = hidden_states(network, blocks)
    whole = torch.nn.functional.cross_entropy(logits_of(network, states), targets)
    assert not head.cut
    assert float(head.loss(states, targets, torch.Generator())) == pytest.approx(float(whole), rel=1e-5)


def test_the_likeliest_option_is_the_answer(tokenizer: Any) -> None:
    from preseason.language.quiz import likelihoods

    network = tiny.gemma3(2000)
    values = likelihoods(network, tokenizer, Quiz("Who?", ("Salah", "The keeper of the home side", "Son"), 0))
    ids, said = encode_dialogue(tokenizer, (Message("user", "Who?"), Message("assistant", "Son")))
    size = len(ids)
    targets = np.where(said[1:], ids[1:], IGNORED).astype(np.int64)[None]
    block = Blocks(ids[None, :-1].astype(np.int64), np.arange(size - 1)[None], targets)
    alone = float(next(iter(log_likelihoods(network, block))).sum()) / len("Son")
    assert values[2] == pytest.approx(alone, rel=1e-4)
    assert len(values) == 3
