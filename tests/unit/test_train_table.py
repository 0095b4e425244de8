"""Models of one's own: trained, exported, named by --model, found by what a file says, missed in one line."""

import io
from pathlib import Path

import pytest
import torch

import neuralzip
from neuralzip import train, zoo
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.table import TRAINED, TableCodec
from neuralzip.errors import CorruptError, ModelError, NeuralzipError, UsageError
from neuralzip.train.table import TableTask
from tests.unit.test_made import as_text, correlated

OTHER = as_text(correlated(900))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with one for the tables of `correlated`."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_bytes(as_text(correlated(3000)))
    (folder / "data" / "b.csv").write_bytes(as_text(correlated(3000)[:500]))
    (folder / "data" / "words.csv").write_bytes(b"one,two\nthree,four\n" * 30)
    torch.manual_seed(1)
    task = TableTask(folder / "data", folder / "data", name="stations", batch=256)
    net, device = task.build(), torch.device("cpu")
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(300):
        optimiser.zero_grad()
        task.loss(net, device)[0].backward()
        optimiser.step()
    with torch.no_grad():
        assert task.evaluate(net, device)["dev"] < 7
    zoo.save(folder / "models" / "stations", *task.export(net))
    return folder / "models"


def test_the_command_makes_a_folder_of_models(models: Path, tmp_path: Path) -> None:
    run = [str(models.parent / "data"), "--name", "mine", "--minutes", "0.001", "--run", str(tmp_path / "run")]
    train.run("table", [*run, "--export", str(tmp_path / "models")])
    assert {path.name for path in (tmp_path / "models" / "mine").iterdir()} == {
        "card.md", "model.safetensors", "resume.safetensors", "train.toml",
    }  # fmt: skip
    assert "--model mine" in (tmp_path / "models" / "mine" / "card.md").read_text()


def block_of(data: bytes) -> Block:
    (block,) = TableCodec().encode(io.BytesIO(data), Options(model="stations"))
    return block


def test_tables_of_the_kind_come_back_and_get_smaller(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURALZIP_MODELS", str(models))
    (plain,) = TableCodec().encode(io.BytesIO(OTHER), Options())
    block = block_of(OTHER)
    assert block.params[0] == TRAINED and block.models == (zoo.load("stations").identity,)
    assert len(block.payload) < len(plain.payload)
    assert TableCodec().decode(block, Options()) == OTHER
    packed = neuralzip.compress(OTHER, options=Options(model="stations"))
    assert neuralzip.decompress(packed) == OTHER
    monkeypatch.setenv("NEURALZIP_MODELS", "")
    with pytest.raises(ModelError, match="NEURALZIP_MODELS"):
        neuralzip.decompress(packed)
    with pytest.raises(UsageError):
        neuralzip.compress(OTHER, options=Options(model="stations"))


def test_values_outside_what_was_trained_on_come_back(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURALZIP_MODELS", str(models))
    far = as_text(correlated(900) * 40 + 123456)
    near = as_text(correlated(900) * 2 + 77)
    for data in (far, near, b"1,2,3\n" * 500, OTHER.replace(b".", b"")):
        assert TableCodec().decode(block_of(data), Options()) == data


@pytest.mark.parametrize("at", [0, 11, 15, 22, 40, -9])
def test_damage_is_noticed_or_changes_the_bytes(models: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setenv("NEURALZIP_MODELS", str(models))
    block = block_of(OTHER)
    whole = bytearray(block.params + block.payload)
    whole[at] ^= 0x15
    params, payload = bytes(whole[: len(block.params)]), bytes(whole[len(block.params) :])
    try:
        damaged = Block("table", params, payload, block.raw_size, block.models)
        assert TableCodec().decode(damaged, Options()) != OTHER
    except CorruptError:
        pass


def test_names_that_do_not_fit_the_parameters_are_refused(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURALZIP_MODELS", str(models))
    block = block_of(OTHER)
    foreign = zoo.load("image-idf").identity
    for names in ((), (foreign,), (foreign, foreign)):
        with pytest.raises(NeuralzipError):
            TableCodec().decode(Block("table", block.params, block.payload, block.raw_size, names), Options())


@pytest.mark.parametrize("name", ["", "Über", "a/b", "../x"])
def test_names_stay_inside_the_folder_of_models(models: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        train.run("table", [str(models.parent / "data"), "--name", name, "--minutes", "0"])


def test_ones_own_model_does_not_hide_the_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retrained net takes the id of the shipped one; files of both are decoded."""
    shipped = zoo.load("image-idf")
    zoo.save(tmp_path / "image-idf", dict(shipped.arrays), {**shipped.meta, "data": "own"})
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path))
    own = zoo.load("image-idf")
    assert own.identity != shipped.identity
    assert zoo.load_identity(own.identity).meta["data"] == "own"
    assert zoo.load_identity(shipped.identity).meta == shipped.meta
