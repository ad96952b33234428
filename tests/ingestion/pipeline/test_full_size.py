"""Models of the size people use go through ingestion. Random weights: plumbing, no quality."""

import json

import pytest

from tests.contract.test_grounders import make_full_transformers
from vlclip.ingestion.drawn import write_catalogue
from vlclip.ingestion.pipeline.destination import open_destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.service.settings import Settings


def make_full_clip(folder):
    import open_clip
    from safetensors.torch import save_file

    config = {"model_cfg": open_clip.get_model_config("ViT-B-32"), "preprocess_cfg": {}}
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(open_clip.create_model("ViT-B-32").state_dict(), folder / "open_clip_model.safetensors")
    return folder


@pytest.mark.slow  # 172M and 151M parameters are made, written, read and run on a CPU
def test_grounding_dino_tiny_and_vit_b_32_ingest_a_catalogue(tmp_path):
    catalogue = write_catalogue(tmp_path / "drawn", 6)
    settings = Settings.load(
        store=str(tmp_path / "store"),
        clip=str(make_full_clip(tmp_path / "clip")),
        grounding={"model": str(make_full_transformers(tmp_path / "grounder")), "short_side": 224},
        refinement={"mode": "fields"},
        device="cpu",
    )
    with open_destination(settings) as destination:
        report = ingest(IngestPlan(catalogue), destination, settings)
        assert (report.embedded, report.failed, report.grounded) == (6, 0, 6)
        for page in destination.store.scan(with_vector=True):
            for record in page:
                provenance = record.payload["provenance"]
                assert provenance["grounder"].startswith("transformers:grounder@")
                assert provenance["refiner"].startswith("fields-")
                assert len(provenance["detected"]) == 4
                assert record.vector.shape == (1024,)
