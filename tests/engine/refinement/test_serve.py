"""The protocol end to end, against `transformers serve` with a small random model."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from vlclip.engine.refinement.messages import messages
from vlclip.engine.refinement.prompt import prompts
from vlclip.engine.refinement.verdict import SCHEMA, parse_verdict

pytestmark = pytest.mark.slow

TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"


def make_tiny_llama(folder: Path) -> Path:
    """Write a random Llama of some 200k parameters with a tokenizer and a chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from vlclip.engine.training.tokenizer import train_tokenizer

    folder.mkdir()
    size = train_tokenizer([prompt.text for prompt in prompts().values()], 600, folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=8192, eos_token_id=None, bos_token_id=None,
        pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Base URL and model name of a running `transformers serve`."""
    from transformers.utils.import_utils import is_accelerate_available, is_serve_available

    if not (is_serve_available() and is_accelerate_available()):
        pytest.skip("transformers serve needs pip install 'transformers[serving]'")
    folder = make_tiny_llama(tmp_path_factory.mktemp("llm") / "tiny")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder.parent / "serve.log"
    command = [Path(sys.executable).with_name("transformers"), "serve", folder, "--device", "cpu"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*map(str, command), "--host", "127.0.0.1", "--port", str(port)],
            stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    try:
        for _ in range(600):
            if server.poll() is not None:
                pytest.fail(f"transformers serve ended: {log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def test_the_server_answers_a_chat_that_asks_for_a_schema(served, refining):
    url, model = served
    endpoint = refining(url, model=model, max_tokens=24, timeout_s=300)._endpoint

    async def judge():
        async with endpoint.connected():
            chat = messages(prompts()["evaluator"], {"product": {"title": "Bag"}, "text": "a bag"}, None)
            return await endpoint.ask(chat, SCHEMA)

    reply = asyncio.run(judge())
    assert reply.prompt_tokens > 100
    assert parse_verdict(reply.text) is None, "a random model gives no verdict"


def test_a_random_model_is_asked_counted_and_not_believed(served, shirt, refining):
    url, model = served
    refiner = refining(url, model=model, rounds=2, max_tokens=24, timeout_s=300)
    (text,) = refiner.refine([shirt], [None])
    assert text.fallback.startswith("checks: "), json.dumps(text.fallback)
    assert (text.text, text.by) == ("Turtle Men Navy Blue Check Shirt", "fields")
    assert text.version == refiner.version
    assert text.rounds == 2
    assert text.prompt_tokens > 3 * 100
    assert 0 < text.completion_tokens <= 3 * 24
    assert refiner.refine([shirt], [None])[0].cached
