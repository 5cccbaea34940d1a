"""The face of chat.qwen.ai: its routes, and how a completion is let in, stored and played."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from sanic import Request

from qwen_grpc.simulator import accounts, attachments, chats, models, outputs, videos
from qwen_grpc.simulator.asked import RATIOS, VIDEO_CHAT_TYPES, Cue, cue
from qwen_grpc.simulator.events import Voice
from qwen_grpc.simulator.faults import (
    COMPLETION_GATES,
    REFUSALS,
    Attempt,
    first_refusal,
    internal_error,
    missing_field,
    signed_in,
    unauthorized,
)
from qwen_grpc.simulator.images_script import IMAGE_SCENARIOS
from qwen_grpc.simulator.player import Playing
from qwen_grpc.simulator.renderings import PICTURE_HW
from qwen_grpc.simulator.replies import HTML, Answer, ok, refusal
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.script import Picture, Turn
from qwen_grpc.simulator.state import Chat, Generation, Message, Simulator, StopCall
from qwen_grpc.simulator.tools_script import ALL_SCENARIOS
from qwen_grpc.simulator.videos import VIDEO_SCENARIOS


async def complete(simulator: Simulator, request: Request) -> Answer | None:
    """The gates, then a refusal or the stream that the scenario says."""
    attempt = Attempt(simulator, request)
    refused = first_refusal(attempt, COMPLETION_GATES)
    if refused is not None:
        return await _held(attempt, refused, "stall")
    chosen = cue(request, attempt.asked, simulator.behaviour.scenario)
    if chosen.scenario in REFUSALS:
        return await _held(attempt, REFUSALS[chosen.scenario](attempt), chosen.scenario)
    filming = attempt.asked.message.chat_type in VIDEO_CHAT_TYPES
    playable = VIDEO_SCENARIOS if filming else ALL_SCENARIOS
    if chosen.scenario not in playable or attempt.chat is None:
        known = ", ".join(sorted([*playable, *REFUSALS]))
        return refusal("Bad_Request", f"unknown scenario {chosen.scenario!r}: expected one of {known}")
    complaint = attachments.complaint(attempt)
    if filming and complaint:
        return internal_error()
    if filming:
        return videos.submitted(attempt, chosen, *_store(attempt, attempt.chat, chosen))
    playing = _begin(attempt, attempt.chat, replace(chosen, scenario=complaint or chosen.scenario))
    await playing.perform(request)
    return None


async def _held(attempt: Attempt, answer: Answer, scenario: str) -> Answer:
    """Keep a stalled caller waiting; whether it hung up is recorded like that of a stream."""
    if not answer.delay_s:
        return answer
    simulator = attempt.simulator
    record = simulator.opened(attempt.asked.chat_id, "", scenario)
    try:
        await asyncio.sleep(answer.delay_s)
    except asyncio.CancelledError:
        simulator.closed(record, "reset" if simulator.stopping else "client_gone")
        raise
    simulator.closed(record, "finished")
    return answer


def _store(attempt: Attempt, chat: Chat, chosen: Cue) -> tuple[Message, Message]:
    """Store the question and the beginning of its answer."""
    now = int(attempt.simulator.now())
    question, answer = _messages(attempt, chosen, now)
    chat.add(question)
    chat.add(answer)
    chat.updated_at = now
    return question, answer


def _begin(attempt: Attempt, chat: Chat, chosen: Cue) -> Playing:
    """Store the question and the beginning of its answer, and prepare the steps."""
    simulator = attempt.simulator
    question, answer = _store(attempt, chat, chosen)
    chat.generation = Generation(answer)
    tokens = 800 + len(chosen.prompt) // 4
    voice = Voice(chat.id, question.id, answer.id, input_tokens=tokens, now=simulator.now)
    steps = ALL_SCENARIOS[chosen.scenario](_turn(attempt, voice, chosen, answer))
    record = simulator.opened(chat.id, answer.id, chosen.scenario)
    return Playing(simulator, chat, chat.generation, record, voice, steps)


def _turn(attempt: Attempt, voice: Voice, chosen: Cue, answer: Message) -> Turn:
    behaviour, sent = attempt.simulator.behaviour, attachments.sent(attempt.asked.message)
    turn = Turn(voice, chosen.prompt, chosen.count, behaviour.slow_s, behaviour.research_silence_s, sent)
    return replace(turn, picture=_picture(attempt, answer)) if chosen.scenario in IMAGE_SCENARIOS else turn


def _picture(attempt: Attempt, answer: Message) -> Picture:
    """The picture that a turn makes, named for the answer it belongs to."""
    asked, name = attempt.asked, uuid5(NAMESPACE_URL, answer.id)
    ratio = asked.size or RATIOS[0]
    path = f"{attempt.user.id}/{asked.message.chat_type}/{asked.chat_id}/{name}.png"
    url = outputs.output_url(attempt.simulator, attempt.user.id, path, ratio)
    return Picture(url, f"output/{name}.png", *PICTURE_HW[ratio])


def _messages(attempt: Attempt, chosen: Cue, now: int) -> tuple[Message, Message]:
    asked, message = attempt.asked, attempt.asked.message
    kinds = {"chat_type": message.chat_type, "sub_chat_type": message.sub_chat_type or message.chat_type}
    shared: dict[str, Any] = {"model": asked.model, "timestamp": now, **kinds}
    question = Message(attempt.simulator.new_id(), "user", asked.parent_id or None, **shared)
    question.content, question.feature_config = chosen.prompt, message.feature_config
    question.files = message.files
    return question, Message(attempt.simulator.new_id(), "assistant", question.id, **shared, done=False)


class Stop(msgspec.Struct):
    """The body of a stop call."""

    chat_id: str = ""
    response_id: str = ""


async def stop(simulator: Simulator, request: Request) -> Answer:
    """End the answer that is being written; it stays as far as it came."""
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    try:
        body = msgspec.json.decode(request.body or b"{}", type=Stop)
    except msgspec.DecodeError as error:
        return refusal("RequestValidationError", str(error))
    chat_id = body.chat_id or request.args.get("chat_id", "")
    if not chat_id:
        return missing_field("chat_id")
    chat = simulator.chats.get(chat_id)
    running = chat.generation if chat and chat.user_id == user.id else None
    stopped = running is not None and body.response_id in ("", running.message.id)
    simulator.stops.append(StopCall(chat_id, body.response_id, stopped, time.monotonic()))
    if running is None or not stopped:
        return ok({"status": False, "details": "The request is ended!"})
    running.message.is_stop = True
    running.stop.set()
    return ok({"status": True})


async def front_page(_simulator: Simulator, _request: Request) -> Answer:
    """The page of the site, in which its version can be read."""
    page = '<!doctype html><title>Qwen</title><script src="/qwenweb/qwen-chat-fe/0.3.12/main.js"></script>'
    return Answer(page.encode(), content_type=HTML)


async def config(_simulator: Simulator, _request: Request) -> Answer:
    """The site's configuration, as far as clients look at it."""
    features = {"enable_project": True, "enable_anonymous": True}
    return Answer({"features": features, "permissions": {}, "version": "0.3.12"})


async def limits(_simulator: Simulator, _request: Request) -> Answer:
    """How many files of a kind a message takes, how large in MB and how long in minutes; seen in Aug 2026."""
    kinds = {
        "file": {"count": 5, "size_mb": 20},
        "image": {"count": 5, "size_mb": 20},
        "video": {"count": 1, "size_mb": 500, "minutes": 60},
        "audio": {"count": 1, "size_mb": 100, "minutes": 180},
    }
    return ok({"file_limits": kinds})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", front_page),
    Route("GET", "/api/config", config),
    Route("GET", "/api/v2/configs", limits),
    Route("GET", "/api/models", models.list_all),
    Route("GET", "/api/v2/models", models.list_current),
    Route("GET", "/api/v1/auths", accounts.session),
    Route("GET", "/api/v2/auths/refresh", accounts.refresh),
    Route("POST", "/api/v2/auths/signin", accounts.sign_in),
    Route("POST", "/api/v2/users/user/entitlement_quota", accounts.quota),
    Route("POST", "/api/v2/chats/new", chats.create),
    Route("GET", "/api/v2/chats", chats.list_page),
    Route("DELETE", "/api/v2/chats", chats.delete_all),
    Route("GET", "/api/v2/chats/pinned", chats.list_none),
    Route("GET", "/api/v2/chats/archived", chats.list_none),
    Route("GET", "/api/v2/chats/<chat_id:str>", chats.detail),
    Route("DELETE", "/api/v2/chats/<chat_id:str>", chats.delete),
    Route("POST", "/api/v2/chat/completions", complete),
    Route("POST", "/api/v2/chat/completions/stop", stop),
)
