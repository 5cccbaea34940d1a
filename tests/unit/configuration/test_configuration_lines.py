"""Each mistake in the configuration, and the one line that it gets."""

import os

import pytest
from written import lines, secret_file

from qwen_grpc.upstreams.clocks import SETTABLE

OFFICIAL = '[upstreams.official]\nkind = "dashscope"\n'
ENGINE = '[upstreams.gpu]\nkind = "openai_engine"\nbase_url = "http://127.0.0.1:8001/v1"\n'
WEB = '[upstreams.web]\nkind = "chat_qwen_ai"\n'
SERVED = f'{OFFICIAL}credentials = [{{ env = "DASHSCOPE" }}]\n{ENGINE}'
HASH = "hmac-sha256:" + "0" * 64
KEY = f'key_secret = {{ env = "DASHSCOPE" }}\n{SERVED}[keys.a]\nhash = "{HASH}"\n'
NAME = "expected a name of 1 to 32 small letters, digits, - and _, with a letter or digit first"

TYPES = [
    (
        '[upstreams.official]\nkind = "dash"\n',
        "upstreams.official.kind: expected 'chat_qwen_ai', 'dashscope' or 'openai_engine'",
    ),
    ("[upstreams.official]\n", "upstreams.official.kind: missing"),
    ('[upstreams]\nofficial = "dashscope"\n', "upstreams.official: expected a table"),
    ('upstreams = "CANARY"\n', "upstreams: expected a table"),
    (f'{OFFICIAL}max_calls = "CANARY"\n', "upstreams.official.max_calls: expected a whole number"),
    (f"{OFFICIAL}max_calls = 0\n", "upstreams.official.max_calls: expected greater than or equal to 1"),
    (f"{OFFICIAL}wait_timeout = 121\n", "upstreams.official.wait_timeout: expected less than or equal to 120"),
    (f'{OFFICIAL}public = "CANARY"\n', "upstreams.official.public: expected true or false"),
    (f'{OFFICIAL}models = "CANARY"\n', "upstreams.official.models: expected a list"),
    (f"{OFFICIAL}models = [1]\n", "upstreams.official.models.0: expected a text"),
    (f'{OFFICIAL}base_ulr = "CANARY"\n', "upstreams.official.base_ulr: there is no such key; did you mean base_url?"),
    (
        '[tls]\nzzz = "CANARY"\ncertificate = "c"\nkey = "k"\n',
        "tls.zzz: there is no such key; expected one of certificate, client_ca, key",
    ),
    (f'{OFFICIAL}CANARY_as_a_key_that_is_far_too_long_to_be_one = 1\n'.replace("CANARY", "SECRETS"),
     "upstreams.official.SECRETS_…: there is no such key; expected one of " + ", ".join(sorted((
         "kind", "base_url", "credentials", "models", "public", "caller_keys", "dialect", "workspace", "wait_timeout",
         "forced_tools", "max_calls", "max_calls_per_credential", "requests_per_minute",
         *(f"{name}_timeout" for name in SETTABLE))))),
    ('[tls]\ncertificate = ""\nkey = "k"\n', "tls.certificate: expected a text that is not empty"),
]  # fmt: skip

UPSTREAMS = [
    ('[upstreams."my/gpu"]\nkind = "dashscope"\n', f"upstreams.my/gpu: {NAME}"),
    ('[upstreams.Official]\nkind = "dashscope"\n', f"upstreams.Official: {NAME}"),
    ('[upstreams.sk-0123456789]\nkind = "dashscope"\nbase_ulr = ""\n',
     "upstreams.sk-01234….base_ulr: there is no such key; did you mean base_url?"),
    (f'[upstreams.{"x" * 33}]\nkind = "dashscope"\n', f"upstreams.xxxxxxxx…: {NAME}"),
    (
        '[upstreams.gpu]\nkind = "openai_engine"\n',
        "upstreams.gpu.base_url: missing; expected the address of the engine, such as http://127.0.0.1:8001/v1",
    ),
    *(
        (f'{OFFICIAL}base_url = "{url}"\n', f"upstreams.official.base_url: expected {expected}")
        for url, expected in (
            ("dashscope.test", "an address with http:// or https:// and a host"),
            ("ftp://dashscope.test", "an address with http:// or https:// and a host"),
            ("https://", "an address with http:// or https:// and a host"),
            ("https://h:99999", "an address with http:// or https:// and a host"),
            ("https://[::1", "an address with http:// or https:// and a host"),
            ("https://ann:CANARY@h", "an address without user and password; credentials have a key of their own"),
            ("https://h?key=CANARY", "an address without ? and #"),
            ("https://h#CANARY", "an address without ? and #"),
            ("https://h/compatible-mode/v1", "an origin, which ends with the host or its port"),
        )
    ),
    (f'{WEB}base_url = "https://h/api"\n',
     "upstreams.web.base_url: expected an origin, which ends with the host or its port"),
    *(
        (f"{table}{field}\n", f"upstreams.{where}: nothing takes notice of this here; it is for the kind {kind}")
        for table, field, where, kind in (
            (OFFICIAL, 'dialect = "vllm"', "official.dialect", "openai_engine"),
            (OFFICIAL, 'caller_keys = ["own-*"]', "official.caller_keys", "openai_engine"),
            (WEB, 'workspace = "w"', "web.workspace", "dashscope"),
            (ENGINE, "wait_timeout = 1", "gpu.wait_timeout", "dashscope"),
        )
    ),
    *(
        (f'{ENGINE}caller_keys = ["{prefix}*"]\n',
         "upstreams.gpu.caller_keys.0: no engine gets keys like this; qk-, eyJ, H4sI have other meanings")
        for prefix in ("qk-", "eyJhb", "H4sI")
    ),
]  # fmt: skip

PATTERNS = [
    (f'{ENGINE}models = ["qwen*", "*", "qwen3"]\n',
     "upstreams.gpu.models.2: this is never reached: models.0 takes all of it"),
    (f'{ENGINE}models = ["q?", "q?"]\n', "upstreams.gpu.models.1: this is never reached: models.0 takes all of it"),
    (f"{ENGINE}models = []\n", "upstreams.gpu.models: expected at least one pattern; without the key it is *"),
    (f'{ENGINE}caller_keys = ["own-*", "own-2*"]\n',
     "upstreams.gpu.caller_keys.1: this is never reached: caller_keys.0 takes all of it"),
    (f'{KEY}models = ["*", "qwen*"]\n', "keys.a.models.1: this is never reached: models.0 takes all of it"),
    (f'{KEY}upstreams = ["gpu", "official", "gpu"]\n',
     "keys.a.upstreams.2: this is never reached: upstreams.0 takes all of it"),
]  # fmt: skip

ALIASES = [
    (f"{SERVED}[aliases]\nmax = []\n", "aliases.max: expected at least one upstream/model"),
    *(
        (f'{SERVED}[aliases]\nmax = ["{target}"]\n', "aliases.max.0: expected upstream/model")
        for target in ("gpu", "gpu/", "/qwen3", "")
    ),
    (f'{SERVED}[aliases]\nmax = ["gpuu/qwen3"]\n',
     "aliases.max.0: there is no upstream gpuu; did you mean gpu?"),
    (f'{SERVED}[aliases]\nmax = ["zzz/qwen3"]\n',
     "aliases.max.0: there is no upstream zzz; expected one of gpu, official"),
    (f'{SERVED}[aliases]\nmax = ["gpu/a", "official/a", "gpu/a"]\n',
     "aliases.max.2: this is never reached: it is the same as 0"),
    (f'{SERVED}models = ["qwen3*"]\n[aliases]\nmax = ["gpu/llama-3"]\n',
     "aliases.max.0: this is never reached: upstreams.gpu.models lets no such model"),
]  # fmt: skip

KEYS = [
    (KEY.replace("keys.a]", 'keys."a b"]'), f"keys.a b: {NAME}"),
    (KEY.replace(HASH, "qk-CANARY"),
     "keys.a.hash: expected hmac-sha256: and 64 hexadecimal digits, as `qwen-grpc keys add` writes them"),
    (f'{KEY}[keys.b]\nhash = "{HASH}"\n', "keys.b.hash: the same as that of keys.a"),
    (f'{KEY}upstreams = ["gpu", "offical"]\n',
     "keys.a.upstreams.1: there is no upstream offical; did you mean official?"),
    (f'{KEY}upstreams = []\n', "keys.a.upstreams: expected at least one pattern; without the key it is *"),
    (f"{KEY}models = []\n", "keys.a.models: expected at least one pattern; without the key it is *"),
    (KEY.replace('credentials = [{ env = "DASHSCOPE" }]', "") + 'upstreams = ["official", "gpu"]\n',
     "keys.a.upstreams.0: upstreams.official has no credentials for a key to stand for"),
    (f'key_secret = {{ env = "DASHSCOPE" }}\n{OFFICIAL}[keys.a]\nhash = "{HASH}"\n',
     "keys.a.upstreams: no upstream has credentials for a key to stand for"),
    (KEY.replace("[keys", 'models = ["qwen3*"]\n[keys') + 'upstreams = ["gpu"]\nmodels = ["llama*"]\n',
     "keys.a.models: this is never reached: no upstream of this key lets such a model"),
]  # fmt: skip

SECRETS = [
    *(
        (f"{OFFICIAL}credentials = [{ref}]\n", f"upstreams.official.credentials.0{line}")
        for ref, line in (
            ("{}", ": expected either env or file"),
            ('{ env = "DASHSCOPE", file = "one" }', ": expected either env or file"),
            ('"CANARY"', ": expected a table"),
            ('{ env = "sk-CANARY" }', ".env: expected the name of a variable, such as DASHSCOPE_API_KEY"),
            ('{ env = "CANARY" }', ": this variable of the environment is not set, or empty"),
            ('{ env = "EMPTY" }', ": this variable of the environment is not set, or empty"),
            ('{ file = "CANARY" }', ": this file cannot be read: No such file or directory"),
            ('{ file = "folder" }', ": expected a file, not a folder or device"),
            ('{ file = "pipe" }', ": expected a file, not a folder or device"),
            ('{ file = "group" }', ": others may read this file (mode 640); `chmod 600` it"),
            ('{ file = "world" }', ": others may read this file (mode 604); `chmod 600` it"),
            ('{ file = "weak" }', ": this secret is weak: expected at least 16 characters"),
            ('{ env = "WEAK" }', ": this secret is weak: expected at least 16 characters"),
            ('{ env = "SESSION" }', ": expected an API key, as this upstream takes it, and no web session"),
        )
    ),
    (f'{ENGINE}credentials = [{{ env = "JWT" }}]\n',
     "upstreams.gpu.credentials.0: expected an API key, as this upstream takes it, and no web session"),
    (f'{WEB}credentials = [{{ env = "DASHSCOPE" }}]\n',
     "upstreams.web.credentials.0: expected a web session (eyJ… or H4sI…), as this upstream takes it"),
    (f'{OFFICIAL}credentials = [{{ env = "DASHSCOPE" }}, {{ file = "one" }}]\n',
     "upstreams.official.credentials.1: the same secret as credentials.0"),
    (KEY.replace("DASHSCOPE", "WEAK", 1), "key_secret: this secret is weak: expected at least 32 characters"),
    (KEY.replace('env = "DASHSCOPE"', 'file = "world"', 1),
     "key_secret: others may read this file (mode 604); `chmod 600` it"),
    (KEY.partition("\n")[2],
     "key_secret: missing, and QWEN_KEY_SECRET is no help: this variable of the environment is not set, or empty"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def files(folder: object) -> None:
    secret_file("one")
    secret_file("weak", "CANARY\n")
    secret_file("group", mode=0o640)
    secret_file("world", mode=0o604)
    os.mkdir("folder", 0o700)
    os.mkfifo("pipe", 0o600)


@pytest.mark.parametrize(("text", "line"), [*TYPES, *UPSTREAMS, *PATTERNS, *ALIASES, *KEYS, *SECRETS])
def test_a_mistake_has_one_line_with_file_and_key(text: str, line: str) -> None:
    assert lines(text) == [line]


def test_a_secret_that_cannot_be_a_credential_is_not_repeated() -> None:
    secret_file("odd", "CANARY CANARY CANARY")
    (line,) = lines(f'{OFFICIAL}credentials = [{{ file = "odd" }}]\n')
    assert line.startswith("upstreams.official.credentials.0: this credential cannot be read: it has spaces")


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        '[upstreams.web]\nkind = "chat"\n'
        f'{OFFICIAL}base_url = "nowhere"\ncredentials = [{{ file = "world" }}]\n'
        '[aliases]\nmax = ["web/qwen", "gone/qwen"]\n'
        f'[keys.a]\nhash = "{HASH}"\n[keys.b]\nhash = "no"\n'
        '[tls]\ncertificate = "none"\nkey = "world"\n'
    )
    assert [line.partition(":")[0] for line in lines(text)] == [
        "upstreams.web.kind", "keys.b.hash", "upstreams.official.base_url", "aliases.max.1",
        "upstreams.official.credentials.0", "key_secret", "tls.key",
    ]  # fmt: skip
