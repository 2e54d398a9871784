"""`preseason chat MODEL`: a conversation in the terminal, or one question for scripts."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from preseason.cli.bars import progress
from preseason.cli.verbs import AliasedOption, Outcome, model_options, verb
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.language.conversation import Answer, Conversation

HELP = "/quit ends, /reset clears the history, Ctrl-C stops an answer."


@verb("chat")
@click.argument("model")
@click.option("--once", metavar="QUESTION", help="Answer one question and exit; for scripts, with --json.")
@click.option("--knowledge", metavar="PATH", help="Folder or file to look facts up in: txt, md, csv, JSONL.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    default=0.7,
    show_default=True,
    help="0 always picks the most likely token.",
)
@click.option(
    "--max-tokens",
    "max_new_tokens",
    cls=AliasedOption,
    hidden_names=["--most-tokens"],
    type=click.IntRange(min=1),
    default=160,
    show_default=True,
    help="Maximum length of an answer, in tokens.",
)
@click.option(
    "--context",
    type=click.IntRange(min=64),
    default=1024,
    show_default=True,
    help="Maximum tokens of history read with a question.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Random seed: the same answer each time.")
@model_options
def chat(
    *,
    model: str,
    once: str | None,
    knowledge: str | None,
    temperature: float,
    max_new_tokens: int,
    context: int,
    seed: int | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Chat with a model that was fitted on dialogues or texts.

    With --knowledge, facts are looked up in your own files and the sources are shown; if no passage is good
    enough, the model says that it does not know.
    """
    from preseason.language.decoding import GenerationConfig

    style = GenerationConfig(temperature=temperature, max_new_tokens=max_new_tokens, seed=seed)
    talk = conversation(model, knowledge, style, context, device, cache, quiet)
    if once is not None:
        answer = talk.ask(once)
        return Outcome(fields_of(model, once, answer), shown(answer))
    return _talk(model, talk, quiet)


def conversation(
    folder: str, knowledge: str | None, style: Any, context: int, device: str, cache: str | None, quiet: bool
) -> "Conversation":
    """A conversation with the model in `folder`.

    Raises:
        UsageError: the model does not talk.
    """
    import preseason
    from preseason.language.conversation import Conversation, retriever_in
    from preseason.models.loading import talks

    loaded = preseason.load(folder, progress=progress(quiet), device=device, cache=cache)
    if not talks(loaded):
        raise UsageError(
            f"{folder} is a model for {loaded.task}, not a chat model: use preseason predict {folder}."
        )
    return Conversation(loaded, retriever_in(knowledge, cache, progress(quiet)), style, context)


def fields_of(model: str, question: str, answer: "Answer") -> dict[str, Any]:
    """What `chat --once --json` prints."""
    return {
        "model": model,
        "question": question,
        "answer": answer.text,
        "known": answer.known,
        "sources": [{"source": item.source, "text": item.text} for item in answer.sources],
        "tokens": answer.tokens,
        "seconds": answer.seconds,
    }


def shown(answer: "Answer") -> str:
    """The answer with its sources."""
    return "\n".join([answer.text, *sources_of(answer)])


def sources_of(answer: "Answer") -> list[str]:
    """A line for each source."""
    return [f"  [{number}] {item.source}" for number, item in enumerate(answer.sources, start=1)]


def _talk(model: str, talk: "Conversation", quiet: bool) -> Outcome:
    """Questions until /quit or the end of the input."""
    if not quiet:
        click.echo(f"{model}: {HELP}", err=True)
    exchanges = []
    while (question := _read()) is not None:
        if question in ("/quit", "/exit"):
            break
        if question in ("/reset", "/forget"):
            talk.reset()
        elif question.startswith("/"):
            click.echo(HELP, err=True)
        elif question:
            _answer(talk.say(question), talk)
            exchanges += [fields_of(model, question, talk.last)] if talk.last is not None else []
    return Outcome({"model": model, "exchanges": exchanges}, "")


def _read() -> str | None:
    """A line of the user; None at the end of the input. Ctrl-C empties the line."""
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except KeyboardInterrupt:
        click.echo("", err=True)
        return ""
    except EOFError:
        return None


def _answer(pieces: Iterable[str], talk: "Conversation") -> None:
    """Show the pieces as they come; Ctrl-C stops this answer only."""
    try:
        for piece in pieces:
            click.echo(piece, nl=False)
            sys.stdout.flush()
    except KeyboardInterrupt:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
        click.echo(" ...", nl=False)
    click.echo("")
    for line in sources_of(talk.last) if talk.last is not None else []:
        click.echo(line)
