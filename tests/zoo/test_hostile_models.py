"""Files that no model can be made of: each is refused with its reason, and leaves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import as_nobody, hostile, open_folder
from support import children as program_children
from vggscope.cli.main import main
from vggscope.errors import ImportRefusedError, ModelUnreadableError, VggscopeError
from vggscope.inference.importing import install_onnx
from vggscope.zoo.examination import examine
from vggscope.zoo.graph_checks import check_graph
from vggscope.zoo.weights_file import size_of
from vggscope.zoo.wire import read_skeleton

if TYPE_CHECKING:
    from pathlib import Path

corpus = hostile("make_onnx")
GOOD: bytes = hostile("onnx_pieces").GOOD


def left(data_dir: Path) -> list[Path]:
    """What there is among the user's models."""
    return list((data_dir / "data" / "models").glob("**/*"))


# One of each sort goes all the way, through the child processes, as all do in the program.
THROUGH = {
    *("empty", "pipe", "cut late", "many nodes", "weights elsewhere", "circle", "branch"),
    *("two inputs", "segmenter", "bomb", "no numbers", "misfit", "terminal"),
}


@pytest.mark.parametrize("key", corpus.CASES)
def test_refused(key: str, tmp_path: Path, data_dir: Path) -> None:
    case = corpus.CASES[key]
    path = tmp_path / case.file
    try:
        case.write(path)
    except (OSError, AttributeError):
        pytest.skip("this system has no such files")
    with pytest.raises(ImportRefusedError) as caught:
        (install_onnx if key in THROUGH else examine)(path)
    assert type(caught.value) is case.error, caught.value.message
    assert f"“{case.file}”" in caught.value.message or case.error.kind == "trial-failed"
    assert case.words in caught.value.message
    assert caught.value.message.isprintable()
    assert left(data_dir) == []
    assert not program_children()


def test_what_may_not_be_read() -> None:
    with open_folder() as folder:
        path = folder / "model.onnx"
        path.write_bytes(GOOD)
        path.chmod(0)
        with as_nobody(), pytest.raises(ModelUnreadableError, match="Permission denied"):
            install_onnx(path)


def test_what_all_of_them_are_made_of_is_good(tmp_path: Path) -> None:
    path = tmp_path / "good.onnx"
    path.write_bytes(GOOD)
    assert len(install_onnx(path).labels()) == 1000


def test_the_command_says_it_in_one_line(
    tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.onnx"
    corpus.CASES["weights elsewhere"].write(path)
    assert main(["models", "import", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vggscope: “model.onnx” keeps weights in another file (“more.bin”)")
    assert err.count("\n") == 1
    assert left(data_dir) == []


# Weights are most of it: the structure is at both ends.
_PLACES = st.one_of(st.integers(0, 400), st.integers(-500, -1), st.integers(0, 30_000))
_EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), _PLACES, st.binary(min_size=1, max_size=2)),
        st.tuples(st.just("insert"), _PLACES, st.binary(min_size=1, max_size=12)),
        st.tuples(st.just("cut"), _PLACES, st.integers(1, 40)),
        st.tuples(st.just("double"), _PLACES, st.integers(1, 60)),
        st.tuples(st.just("end"), _PLACES, st.none()),
    ),
    min_size=1,
    max_size=4,
)


def damaged(edits: list[tuple[str, int, Any]]) -> bytes:
    """The good file, of which some bytes are others, more, or fewer."""
    data = bytearray(GOOD)
    for kind, place, what in edits:
        at = place % max(1, len(data))
        match kind:
            case "change":
                data[at : at + len(what)] = what
            case "insert":
                data[at:at] = what
            case "cut":
                del data[at : at + what]
            case "double":
                data[at:at] = data[at : at + what]
            case _:
                del data[at:]
    return bytes(data)


@settings(max_examples=300)
@given(_EDITS)
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, int, Any]]
) -> None:
    data = damaged(edits)
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(data)
    with path.open("rb") as file:
        try:
            skeleton = read_skeleton(file, size=len(data), name=path.name)
            check_graph(skeleton)
        except ImportRefusedError as error:
            sentence = error.message
        else:
            sentence = ""
            for tensor in skeleton.proto.graph.initializer:
                # What was checked as a whole is what can be read.
                if skeleton.spans_of(tensor) or tensor.HasField("raw_data"):
                    read = sum(memoryview(c).nbytes for c in skeleton.data(tensor, file))
                    assert read == size_of(tensor)
    assert sentence.isprintable()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_EDITS)
def test_damage_goes_through_whole_or_not_at_all(
    tmp_path: Path, data_dir: Path, edits: list[tuple[str, int, Any]]
) -> None:
    """With all processes: none crashes this one, none hangs, nothing half-done stays."""
    path = tmp_path / "damaged.onnx"
    path.write_bytes(damaged(edits))
    home = data_dir / "data" / "models"
    try:
        model = install_onnx(path, {"name": "damaged"}, replace=True)
    except VggscopeError as error:
        sentences = [error.message, error.remedy]
    else:
        sentences = []
        model.check_sizes()
        model.check_content()
        model.check_layers()
    assert all(sentence and sentence.isprintable() for sentence in sentences)
    names = {path.name for path in home.iterdir()} if home.exists() else set()
    assert names <= {"damaged"}
    assert not program_children()
