"""Graphs that name the weights of a file, whatever the file calls them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vlclip.engine.encoding.graph_writing import write_graph
from vlclip.engine.encoding.onnx_files import open_graph

SIDE = 160  # so that a weight is too large to go into a graph


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(SIDE, SIDE), nn.Linear(SIDE, SIDE)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(rows).relu())


def write(module, weights, graph):
    example = {"rows": torch.zeros(2, SIDE)}, {"rows": {0}}
    write_graph(module, example, ("out",), graph, weights, {})


@pytest.mark.parametrize("names", [{"first": "renamed.first"}, {"first": "a", "second": "b"}])
@pytest.mark.parametrize("number", [torch.float32, torch.float16])
def test_a_weight_of_another_name_is_read_from_the_file(tmp_path, names, number):
    module = Layers().to(number).float()
    state = {
        f"{names.get(layer, layer)}.{name}": tensor.to(number)
        for layer, part in module.named_children()
        for name, tensor in part.state_dict().items()
    }
    weights, graph = tmp_path / "w.safetensors", tmp_path / "g.onnx"
    save_file(state, weights)
    write(module, weights, graph)
    stored = onnx.load(graph, load_external_data=False).graph.initializer
    assert all(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in stored)
    rows = np.random.default_rng(0).standard_normal((3, SIDE), dtype=np.float32)
    (out,) = open_graph(graph, weights, 1).run(None, {"rows": rows})
    np.testing.assert_allclose(out, module(torch.from_numpy(rows)).detach().numpy(), atol=1e-5)


def test_a_weight_that_is_in_no_file_is_refused(tmp_path):
    weights = tmp_path / "w.safetensors"
    save_file({f"first.{name}": tensor for name, tensor in Layers().first.state_dict().items()}, weights)
    with pytest.raises(ValueError, match=r"second\.weight is in no file"):
        write(Layers(), weights, tmp_path / "g.onnx")
