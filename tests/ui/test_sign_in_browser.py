"""Signing in by a real OpenID Connect provider, in Chromium: roles, tokens that are not for us, ended ones, signing out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.request import urlopen

import pytest

from core import data
from core.access import invitations
from core.studies import embedding
from tests.browser import ROOT, at_rest, chromium, free_port, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_tiny

pytest.importorskip("authlib", reason="signing in needs requirements-serve.txt")
pytest.importorskip("oidc_provider_mock", reason="the provider is in requirements-dev.txt")
USERS = {
    "ann": {"email": "ann@example.org", "email_verified": True, "name": "Ann *Example*"},
    "unverified": {"email": "ann@example.org", "name": "Not Ann"},
    "elsewhere": {"email": "ann@example.org", "email_verified": True, "aud": "another application"},
    "ended": {"email": "ann@example.org", "email_verified": True, "exp": 1_000_000},
}
ACCESS = 'members = ["ann@example.org"]\n'


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A provider of accounts, as a process; its address."""
    port, folder = free_port(), tmp_path_factory.mktemp("provider")
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    for sub, claims in USERS.items():
        command += ["--user-claims", json.dumps({"sub": sub, **claims})]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    address = f"http://localhost:{port}"
    try:
        for _ in range(120):
            try:
                urlopen(f"{address}/.well-known/openid-configuration", timeout=2)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[SimpleNamespace]:
    """A server for members with one small dataset, whose accounts come from the provider."""
    folder, port = tmp_path_factory.mktemp("sign_in"), free_port()
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(home))
        embedding.embed(data.add("tiny", write_tiny(folder / "tiny", 3)), ("hsv_histogram", "hog"))
        link = invitations.make(1)
    (home / "access.toml").write_text(ACCESS)
    secrets = folder / "secrets.toml"
    secrets.write_text(
        f'[auth]\nredirect_uri = "http://localhost:{port}/oauth2callback"\ncookie_secret = "{"s" * 40}"\n'
        f'client_id = "fusionscope"\nclient_secret = "x"\n'
        f'server_metadata_url = "{provider}/.well-known/openid-configuration"\n'
    )
    with serve(ROOT / "app.py", home, port=port, FUSIONSCOPE_ACCESS="members", STREAMLIT_SECRETS_FILES=str(secrets)):
        yield SimpleNamespace(address=f"http://localhost:{port}", home=home, link=link)


def sign_in(tab, as_whom: str) -> None:  # noqa: F811
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("button", name=as_whom, exact=True).click()


@pytest.mark.browser
@pytest.mark.slow
def test_an_account_signs_in_changes_its_role_and_signs_out(app: SimpleNamespace, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    tab.goto(f"{app.address}/?d=tiny")
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)
    assert "tiny" not in tab.locator("[data-testid=stMain]").inner_text()
    sign_in(tab, "ann")
    expect(tab.get_by_text("Ann *Example* (member)")).to_be_visible(timeout=60_000)  # inert: no emphasis
    tab.goto(f"{app.address}/datasets?d=tiny&see=manage")
    expect(tab.get_by_text("Owners can change datasets")).to_be_visible(timeout=60_000)
    tab.get_by_text("Judge", exact=True).click()
    expect(tab.get_by_role("button", name="Start")).to_be_visible(timeout=60_000)
    (app.home / "access.toml").write_text(ACCESS.replace("members", "owners"))
    tab.goto(f"{app.address}/datasets?d=tiny&see=manage")
    expect(tab.get_by_text("Ann *Example* (owner)")).to_be_visible(timeout=60_000)
    expect(tab.get_by_role("button", name="Re-scan")).to_be_visible()
    (app.home / "access.toml").write_text(ACCESS)
    other = tab.context.new_page()
    other.goto(f"{app.address}/?d=tiny")
    expect(other.get_by_text("(member)")).to_be_visible(timeout=60_000)
    other.get_by_role("button", name="Sign out").click()
    other.get_by_role("button", name="End session").click()  # the provider asks
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)
    tab.get_by_text("Curves", exact=True).click()  # the tab that was open goes on with its old cookie
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)
    assert not tab.complaints


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("account", ["elsewhere", "ended", "unverified"])
def test_a_token_that_does_not_count_opens_nothing(app: SimpleNamespace, tab, account: str) -> None:  # noqa: F811
    from playwright.sync_api import expect

    tab.goto(app.address)
    sign_in(tab, account)
    tab.wait_for_url(f"{app.address}/**", timeout=60_000)
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)
    no_role = tab.get_by_text("You are signed in as Not Ann, but have no role here")
    (expect(no_role).to_be_visible if account == "unverified" else expect(no_role).to_have_count)(
        *([] if account == "unverified" else [0])
    )
    assert "tiny" not in tab.locator("[data-testid=stApp]").inner_text()


@pytest.mark.browser
@pytest.mark.slow
def test_an_invitation_shows_the_pages_to_a_guest(app: SimpleNamespace, tab) -> None:  # noqa: F811
    from playwright.sync_api import expect

    wrong: list[str] = []
    pictures: list[int] = []
    tab.on("response", lambda got: pictures.append(got.status) if "/pictures/" in got.url else None)
    tab.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    tab.goto(f"{app.address}/enter/{app.link}")
    expect(tab.get_by_text("person guest")).to_be_visible(timeout=60_000)
    expect(tab).not_to_have_url(re.compile("enter"))
    tab.goto(f"{app.address}/retrieval?d=tiny")
    expect(tab.get_by_role("button", name="Random").first).to_be_visible(timeout=60_000)
    at_rest(tab)
    assert pictures and set(pictures) == {200}
    tab.goto(f"{app.address}/datasets?d=tiny")
    tab.get_by_text("Add a dataset").first.click()
    expect(tab.get_by_text("Owners can add datasets").first).to_be_visible(timeout=60_000)
    assert tab.locator("input[type=text]").evaluate_all(
        "inputs => inputs.every(i => !/path|folder/i.test(i.placeholder))"
    )
    assert not wrong and not tab.complaints
