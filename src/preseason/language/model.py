"""The fine-tuned language model: it talks, is scored, and is saved."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.language.decoding import Decoder, GenerationConfig
from preseason.language.evaluation import EvalSet, general_blocks, general_endings, judge
from preseason.language.folder import save
from preseason.language.generation import Generation, Prompt, generate_locally
from preseason.language.packing import pack, pieces_of
from preseason.language.reading import read_corpus
from preseason.language.record import ChatRecord, EvalResult
from preseason.language.talking import TalkingModel
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Silent
from preseason.stores.mirror import here
from preseason.stores.models import stored_at
from preseason.trained_model import JUDGES, TALKS


@dataclass(frozen=True)
class ChatModel(TalkingModel):
    """A language model that was fine-tuned on one's own dialogues or texts.

    Attributes:
        network: the transformers model with everything learnt folded in.
        tokenizer: with a chat template.
        decoder: what generates.
        record: what the fit found.
        cache: folder of what is computed for it; None for the usual one.
    """

    network: Any
    tokenizer: Any
    decoder: Decoder
    record: ChatRecord
    cache: Path | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """It talks, and judges other texts."""
        return frozenset({TALKS, JUDGES})

    @property
    def style(self) -> str:
        """`dialogue`: it answers; `text`: it goes on with what is written."""
        return self.record.style

    @property
    def context(self) -> int:
        """The most tokens that it sees at once."""
        config = self.network.config
        return int(getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0) or 1024)

    @property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer."""
        named = self.network.generation_config.eos_token_id
        more = named if isinstance(named, list) else [] if named is None else [named]
        return frozenset([int(self.tokenizer.eos_token_id), *(int(token) for token in more)])

    def generate(self, turns: Prompt, style: GenerationConfig, context: int) -> Generation:
        """Begin an answer; `conversation` is the easier door."""
        return generate_locally(self, turns, style, context)

    def judge(self, data: str | Path, progress: Progress | None = None) -> EvalResult:
        """Perplexity on other texts or dialogues, and quiz accuracy on multiple-choice questions.

        Raises:
            DataError: nothing usable is there.
        """
        corpus = read_corpus(here(data, cache_folder()))
        length = self.record.training.length
        blocks = pack(
            pieces_of(self.tokenizer, corpus.examples, length), length, int(self.tokenizer.pad_token_id)
        )
        questions = tuple(example.quiz for example in corpus.examples if example.quiz is not None)
        eval_set = EvalSet(blocks, general_blocks(self.tokenizer), questions, general_endings())
        return judge(self.network, self.tokenizer, eval_set, progress or Silent())

    def save(self, folder: str | Path) -> None:
        """Write the model folder, with the whole network in it."""
        with stored_at(folder, cache_folder()) as place:
            save(self, place, adapter=None)
