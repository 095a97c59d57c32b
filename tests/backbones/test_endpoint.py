"""Models behind an address: each form in which servers take images, what is no image model, and what the store keeps."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from core import backbones
from core.backbones import custom
from core.backbones.sources import endpoint
from core.errors import BadInput, UnknownName, WeightsMissing
from core.studies import embedding
from core.types import unit

DIM = 12


def image_vector(uri: str) -> list[float]:
    """The means of a coarse grid: what this server's model makes of an image."""
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2]))).convert("RGB")
    return (np.asarray(image.resize((2, 2), Image.Resampling.BOX), np.float32).ravel() - 100).tolist()


def text_vector(text: str) -> list[float]:
    return np.random.default_rng(len(text)).normal(size=DIM).tolist()


class _Server(BaseHTTPRequestHandler):
    """One server of each kind, told apart by the model that is asked for."""

    asked: list[dict] = []
    token = ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append(body)
        type(self).token = self.headers.get("Authorization", "")
        model = body["model"]
        try:
            rows = {"objects": self.objects, "messages": self.messages, "strings": self.strings, "text": self.text}[
                model.partition(" ")[0].partition("-")[0]
            ](body)
        except (KeyError, TypeError, AttributeError):
            return self.answer(422, {"error": f"{model} takes no such input"})
        rows = [row[: DIM - 4] if model.endswith("-other") and self.asked.count(body) > 1 else row for row in rows]
        data = [{"index": i, "embedding": row} for i, row in enumerate(rows)]
        return self.answer(200, {"data": data[::-1]})  # the order is said by the index

    def objects(self, body: dict) -> list:
        return [text_vector(i) if isinstance(i, str) else image_vector(i["image"]) for i in body["input"]]

    def messages(self, body: dict) -> list:
        return [image_vector(body["messages"][0]["content"][0]["image_url"]["url"])]

    def strings(self, body: dict) -> list:
        reads = image_vector if body.get("modality") == "image" else text_vector
        return [reads(i.strip()) for i in body["input"]]

    def text(self, body: dict) -> list:
        return [text_vector(i.strip()) for i in body["input"]]

    def answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("form", "reads_text"), [("objects", True), ("messages", False), ("strings", True)])
def test_each_form_of_server_is_found_out_and_embeds_a_dataset(
    form: str, reads_text: bool, address: str, tiny_world, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_ENDPOINT_TOKEN", "secret")
    name = f"endpoint:{form}@{address}"
    record = backbones.add(name)
    assert (record.name, record.dim, dict(record.options)["form"]) == (name, DIM, form)
    assert record.modalities == (("image", "text") if reads_text else ("image",))
    assert _Server.token == "Bearer secret"
    report = embedding.embed(tiny_world.dataset, [name])
    assert report.computed == {name: 60} and report.engine == {name: "endpoint on network"}
    vectors = embedding.embeddings(tiny_world.dataset, name).vectors
    encoder = backbones.query_encoder(name)
    from core import data

    image = data.images.open_rgb(data.read_bytes(tiny_world.dataset, 7))
    square = encoder.view.square(image)
    expected = unit(np.array([image_vector(endpoint._as_uri(square))], np.float32))[0]
    np.testing.assert_allclose(vectors[7], expected, atol=1e-6)
    np.testing.assert_allclose(encoder.encode([image])[0], expected, atol=1e-6)
    if reads_text:
        np.testing.assert_allclose(
            encoder.encode_text(["a cat"])[0], unit(np.array([text_vector("a cat")]))[0], atol=1e-6
        )
    else:
        with pytest.raises(BadInput, match="reads no text"):
            encoder.encode_text(["a cat"])


def test_address_model_and_dim_are_the_key_of_the_store(address: str, home) -> None:
    ids = {backbones.fingerprint(backbones.add(f"endpoint:{form}@{address}"))[0] for form in ("objects", "strings")}
    record = backbones.fingerprint(backbones.get(f"endpoint:objects@{address}"))[1]
    assert len(ids) == 2 and record["weights"] == {"endpoint": address, "model": "objects"}
    assert record["backbone"]["dim"] == DIM and record["engine"] == "endpoint"
    assert backbones.add(f"endpoint:objects@{address}/embeddings").weights == address
    with pytest.raises(BadInput, match="no faster mode"):
        backbones.get(f"fast:endpoint:objects@{address}")


def test_a_model_of_texts_alone_is_not_taken_for_one_of_images(address: str, home) -> None:
    with pytest.raises(BadInput, match="'text' at http.* takes no images .*422.*name a model that embeds images"):
        backbones.add(f"endpoint:text@{address}")
    assert not custom.added()


def test_a_server_that_is_not_there_or_serves_something_else_is_a_sentence(address: str, tiny_world) -> None:
    with pytest.raises(WeightsMissing, match="does not answer"):
        backbones.add("endpoint:clip@http://127.0.0.1:9/v1")
    name = f"endpoint:objects-other@{address}"
    backbones.add(name)
    with pytest.raises(WeightsMissing, match="serves another model by now"):
        for _ in range(2):
            embedding.remove(name)
            embedding.embed(tiny_world.dataset, [name])


def test_a_link_never_makes_this_machine_ask_an_address(address: str, home) -> None:
    before = len(_Server.asked)
    with pytest.raises(UnknownName):
        backbones.get(f"endpoint:strings@{address}")
    with pytest.raises(UnknownName):
        backbones.get(f"fast:endpoint:strings@{address}")
    assert len(_Server.asked) == before and not custom.added()
    for wrong in ("endpoint:clip", "endpoint:clip@ftp://x", "endpoint:@http://x", "endpoint:a@http://x/../y"):
        with pytest.raises(BadInput, match="is not a name"):
            backbones.add(wrong)
