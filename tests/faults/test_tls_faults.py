"""F-04: servers that cannot show that they are who they are. Nothing is sent to them."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from authority import Authority, Pair
from both_doors import WAYS
from faces import ENGINE
from outcomes import TLS
from raw_server import self_signed
from trial import GOOD, trial_of


@dataclass(frozen=True)
class Shown:
    """Who is trusted, and what servers may show: the first is good."""

    trusted: ssl.SSLContext
    good: ssl.SSLContext
    bad: dict[str, ssl.SSLContext | None]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("certificates")
    trusted, stranger = Authority(folder, "trusted"), Authority(folder, "stranger")
    certificate, key = self_signed(folder)
    pairs = {
        "self-signed": Pair(Path(certificate), Path(key)),
        "of an authority that nobody trusts": stranger.issue("of-a-stranger"),
        "expired": trusted.issue("expired", days=-1),
        "of another host": trusted.issue("elsewhere", names="DNS:elsewhere.test"),
    }
    bad: dict[str, ssl.SSLContext | None] = {name: _serving(pair) for name, pair in pairs.items()}
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    return Shown(context, _serving(trusted.issue("good")), {**bad, "no TLS at all": None})


def _serving(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
async def test_a_server_without_a_valid_certificate_gets_nothing(shown: Shown, way: str) -> None:
    async with trial_of(ENGINE, tls=shown.good, verify=shown.trusted) as trial:
        GOOD.check(way, await trial.ask(way))
        for name, certificate in shown.bad.items():
            before = trial.levels()
            async with trial.upstream.as_if_by(certificate):
                received = len(trial.upstream.requests)
                TLS.check(way, await trial.ask(way))
                assert trial.upstream.requests[received:] == [], name
            await trial.is_well(before, way)
