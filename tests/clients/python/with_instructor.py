"""Instructor, which makes objects of answers."""

from typing import Any

import instructor
from asked import CITY, Gateway, tell, user
from instructor.core import InstructorRetryException
from openai import OpenAI
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str


def client(at: Gateway, key: str) -> Any:
    return instructor.from_openai(OpenAI(base_url=at.url, api_key=key))


def asking(at: Gateway) -> dict[str, Any]:
    return {"model": at.model, "messages": [user(CITY)], "response_model": City}


def streamed(at: Gateway) -> str:
    *_, last = client(at, at.key).create_partial(**asking(at))
    return last.name


def refused(at: Gateway) -> str:
    try:
        return client(at, at.wrong_key).create(**asking(at)).name
    except InstructorRetryException as error:
        return f"{type(error).__name__} {type(error.__cause__).__name__}"


def heard(at: Gateway) -> dict[str, Any]:
    city = client(at, at.key).create(**asking(at))
    return {"objects": city.name, "streamed objects": streamed(at), "errors": refused(at)}


tell(heard)
