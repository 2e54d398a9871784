"""`/v1/chat/completions` and `/v1/models` of the OpenAI protocol, for models that were fitted here.

Any client of that protocol talks with them: `OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")`.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import iterate_in_threadpool

from preseason.language.conversation import Conversation
from preseason.language.decoding import GenerationConfig
from preseason.language.samples import Message
from preseason.serving.chat_sessions import ChatSession, ChatSessions
from preseason.serving.protocol import ApiError, ProtocolRoute, new_id, now

if TYPE_CHECKING:
    from preseason.language.conversation import Answer, Conversation

MAX_TOKENS = 512
"""Length of an answer where the request names none."""

UNSUPPORTED = ("tools", "functions", "response_format", "logprobs", "audio", "modalities", "logit_bias")
"""Fields that change the answer and that are not understood here: refused, never passed over."""


class Part(BaseModel):
    """A piece of a message; only text can be read."""

    type: str
    text: str = ""


class Turn(BaseModel):
    """One message of the request."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]

    def text(self) -> str:
        """Its words.

        Raises:
            ApiError: it holds a picture or a sound.
        """
        if isinstance(self.content, str):
            return self.content
        other = next((part.type for part in self.content if part.type != "text"), None)
        if other is not None:
            raise ApiError(f"A message holds {other}: this model reads text only.", parameter="messages")
        return "\n".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """Whether a stream ends with the numbers of tokens."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """What is asked; further fields are kept so that those that matter can be refused."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[Turn] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    n: Literal[1] | None = None
    frequency_penalty: Literal[0] | None = None
    presence_penalty: Literal[0] | None = None


router = APIRouter(prefix="/v1", route_class=ProtocolRoute, tags=["chat"])


def _talkers(request: Request) -> ChatSessions:
    talkers: ChatSessions = request.app.state.talkers
    return talkers


@router.post("/chat/completions", response_model=None)
def complete_chat(talkers: Annotated[ChatSessions, Depends(_talkers)], request: ChatRequest) -> Response:
    """An answer, as a whole or in pieces."""
    refuse_unsupported(request)
    talker = talkers.get(request.model)
    talk = conversation_of(request, talker, talkers)
    question = request.messages[-1].text()
    if request.stream:
        chunks = _chunks(request, talker, talk, question)
        return StreamingResponse(_events(chunks), media_type="text/event-stream")
    with talker.lock:
        answer = talk.ask(question)
    return JSONResponse(_completion(request.model, answer))


def refuse_unsupported(request: ChatRequest) -> None:
    """Fields that would change the answer.

    Raises:
        ApiError: one of them is set.
    """
    extra = request.model_extra or {}
    named = [name for name in UNSUPPORTED if extra.get(name) not in (None, False, [], {}, {"type": "text"})]
    if named:
        raise ApiError(f"{', '.join(named)}: not known to this server. Leave it out.", parameter=named[0])
    if request.messages[-1].role != "user":
        raise ApiError("The last message must be the user's.", parameter="messages")


def conversation_of(request: ChatRequest, talker: ChatSession, talkers: ChatSessions) -> "Conversation":
    """A conversation in which everything but the last message has been said already."""
    plain = GenerationConfig()
    limit = request.max_completion_tokens or request.max_tokens or MAX_TOKENS
    named = [request.stop] if isinstance(request.stop, str) else request.stop or []
    style = GenerationConfig(
        temperature=plain.temperature if request.temperature is None else request.temperature,
        top_p=plain.top_p if request.top_p is None else request.top_p,
        max_new_tokens=limit,
        seed=None if request.seed is None else abs(request.seed),
        stops=tuple(stop for stop in named if stop),
    )
    told = [turn.text() for turn in request.messages if turn.role in ("system", "developer")]
    talk = Conversation(talker.model, talkers.knowledge, style, system="\n\n".join(told))
    talk.history = [
        Message(turn.role, turn.text())
        for turn in request.messages[:-1]
        if turn.role in ("user", "assistant")
    ]
    return talk


def _chunks(
    request: ChatRequest, talker: ChatSession, talk: "Conversation", question: str
) -> Iterator[dict[str, Any]]:
    head = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": now(),
        "model": request.model,
    }

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}

    yield chunk({"role": "assistant", "content": ""})
    with talker.lock, closing(talk.say(question)) as pieces:  # type: ignore[type-var]
        for piece in pieces:
            yield chunk({"content": piece})
    answer = talk.last
    assert answer is not None
    yield chunk({}, _reason(answer)) | _beside(answer)
    if request.stream_options is not None and request.stream_options.include_usage:
        yield head | {"choices": [], "usage": _usage(answer)}


async def _events(chunks: Iterator[dict[str, Any]]) -> AsyncIterator[str]:
    """Server-sent events; a failure in the midst becomes an event, and a client that goes ends the answer."""
    with closing(chunks):  # type: ignore[type-var]
        async with aclosing(iterate_in_threadpool(chunks)) as pieces:  # type: ignore[type-var]
            try:
                async for chunk in pieces:
                    yield f"data: {json.dumps(chunk)}\n\n"
            except Exception as error:
                failure = {"message": str(error), "type": "server_error", "param": None, "code": None}
                yield f"data: {json.dumps({'error': failure})}\n\n"
                return
        yield "data: [DONE]\n\n"


def _completion(name: str, answer: "Answer") -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": _reason(answer), "logprobs": None}
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": now(),
        "model": name,
        "choices": [choice],
        "usage": _usage(answer),
        **_beside(answer),
    }


def _beside(answer: "Answer") -> dict[str, Any]:
    """Fields of our own: where facts were looked up, and whether anything was found."""
    if not answer.sources and answer.known:
        return {}
    sources = [{"source": item.source, "text": item.text} for item in answer.sources]
    return {"known": answer.known, "sources": sources}


def _reason(answer: "Answer") -> str:
    return "length" if answer.cut else "stop"


def _usage(answer: "Answer") -> dict[str, int]:
    return {
        "prompt_tokens": answer.read,
        "completion_tokens": answer.tokens,
        "total_tokens": answer.read + answer.tokens,
    }
