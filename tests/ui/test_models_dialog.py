"""The list of all models: what it tells, and what is done from it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel

from support import tiny_model
from ui.models_driver import ImportForm, ModelList, dialogs_in_the_way, leftovers
from ui.window_driver import FAST, SLOW, mime_of, stored_settings, texts_in
from vggscope import paths
from vggscope.ui.settings import COMPARE, MODEL_MIRROR
from vggscope.zoo.catalogue import users_catalogue
from zoo.server import Request, hold_after, serving, status
from zoo.shop import entry_for, offer
from zoo.stand_ins import mxnet_like

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ui.window_driver import Driver
    from zoo.server import Server

TITLE = "School’s VGG"
HALF = 200_000
COMPACT = "VGG16 compact"


@pytest.fixture(scope="module")
def content() -> bytes:
    """A file like those that the catalogue offers, and much smaller."""
    return mxnet_like("vgg11", classes=1000).SerializeToString()


@pytest.fixture
def server(content: bytes) -> Iterator[Server]:
    """A server on this computer, whose file the user's catalogue offers."""
    with serving(content) as made:
        offer([entry_for(made, title=TITLE)])
        yield made


@pytest.fixture
def models(server: Server, user: Driver) -> ModelList:
    assert server.size > 2 * HALF
    made = ModelList(user)
    made.open()
    return made


def download(models: ModelList) -> None:
    """Say that it is wanted, and yes."""
    models.press(TITLE, "Download…")
    [yes] = [text for text in models.buttons(TITLE) if text.startswith("Download ")]
    models.press(TITLE, yes)


def pause_in_the_middle(models: ModelList, server: Server) -> None:
    server.tricks.append(hold_after(HALF))
    download(models)
    models.user.wait(lambda: server.reached.is_set() and bool(models.share(TITLE)))
    models.press(TITLE, "Pause")
    models.wait_for(TITLE, "Paused at")


# --- what it tells --------------------------------------------------------------------------


def test_it_lists_what_is_here_and_what_can_be_had(user: Driver) -> None:
    home = paths.user_models()
    tiny_model(home / "tiny", title="Tiny")
    tiny_model(home / "hurt", title="Hurt")
    (home / "hurt" / "weights.bin").write_bytes(b"")
    models = ModelList(user)
    models.open()
    titles = list(models.cards())
    assert titles[:2] == [COMPACT, "VGG16 compact (fast)"]
    assert set(titles[2:4]) == {"hurt", "Tiny"}
    assert len(titles) == 12
    assert models.says("VGG16 compact (fast)", "In use")
    assert models.says(COMPACT, "fp16", "38 MB", "top-1", "licence: CC-BY-4.0")
    assert models.buttons(COMPACT) == ["Use", "Verify", "Open folder"], "it ships with the program"
    assert models.buttons("Tiny") == ["Use", "Verify", "Open folder", "Remove…"]
    assert models.says("hurt", "damaged", "weights.bin has 0 bytes", "Install the model again.")
    assert models.buttons("hurt") == ["Open folder", "Remove…"], "nobody can repair or use it"
    official = models.card("VGG19").look
    assert official.state == "Not downloaded"
    assert "575 MB to download" in official.facts
    assert "top-1 73.72 %, top-5 91.58 %" in official.facts
    assert any("Models on this computer: 4" in text for text in texts_in(models.dialog))


def test_it_opens_by_key_once_and_is_in_nobodys_way(models: ModelList) -> None:
    user = models.user
    dialog = models.dialog
    assert dialogs_in_the_way() == []
    user.activate()
    user.key(Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier, on=user.window)
    assert models.dialog is dialog
    user.open("zebra")
    assert user.shown_predictions()[0][0] == "zebra", "the window works on"
    user.key(Qt.Key.Key_Escape, on=dialog)
    assert not models.is_open


def test_texts_are_whole_or_in_a_tool_tip(user: Driver) -> None:
    long = "A title that is so long that there is no window in which all of it has room " * 3
    tiny_model(paths.user_models() / "tiny", title=long.strip(), note="word " * 60)
    models = ModelList(user)
    models.open()
    models.dialog.resize(models.dialog.minimumSize())
    user.wait(lambda: models.dialog.width() == models.dialog.minimumWidth())
    card = models.card(long.strip())
    for label in card.findChildren(QLabel):
        if label.isVisible() and not label.toolTip():
            assert label.width() >= label.minimumSizeHint().width() or label.wordWrap()
            assert label.height() >= label.heightForWidth(label.width())
    title = next(label for label in card.findChildren(QLabel) if label.text().endswith("…"))
    assert title.toolTip() == long.strip()
    assert title.accessibleName() == long.strip()


def test_a_broken_catalogue_of_the_users_is_told(user: Driver) -> None:
    users_catalogue().parent.mkdir(parents=True, exist_ok=True)
    users_catalogue().write_text('{"format": 1, "models": [{}]}', encoding="utf-8")
    models = ModelList(user)
    models.open()
    assert any("catalogue.json” cannot be used" in text for text in texts_in(models.dialog))
    assert len(models.cards()) == 10


# --- the whole way --------------------------------------------------------------------------


def test_from_the_catalogue_to_the_bin(models: ModelList, server: Server) -> None:
    user = models.user
    assert server.requests == [], "nothing is asked of anybody before the user says yes"
    models.press(TITLE, "Download…")
    assert models.says(TITLE, "from 127.0.0.1?", "Nothing of yours is sent there.")
    models.press(TITLE, "Not now")
    assert "Download…" in models.buttons(TITLE)
    assert server.requests == []
    # Paused in the middle, and resumed.
    pause_in_the_middle(models, server)
    assert user.window.messages.isHidden()
    server.gate.set()
    models.press(TITLE, "Resume")
    models.wait_for(TITLE, "Installed")
    assert server.ranges[-1] is not None, "only the rest was asked for"
    assert leftovers(paths.user_models()) == []
    assert user.window.messages.text == f"“{TITLE}” is installed."
    # Used, by the button of the message.
    user.click(user.button("Use it"))
    user.wait_for_model("school")
    models.wait_for(TITLE, "In use")
    assert stored_settings()["model"] == "school"
    # Verified.
    models.press(TITLE, "Verify")
    models.wait_for(TITLE, "Every byte of it is as it was installed.")
    # Damaged where its size does not tell, and repaired.
    weights = paths.user_models() / "school" / "weights.bin"
    sound = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    models.press(TITLE, "Verify")
    models.wait_for(TITLE, "Damaged")
    assert models.says(TITLE, "weights.bin does not hold the bytes", "Install the model again.")
    models.press(TITLE, "Repair…")
    assert models.says(TITLE, "Replace the damaged files?")
    models.press(TITLE, next(t for t in models.buttons(TITLE) if t.startswith("Download ")))
    user.wait(lambda: weights.exists() and weights.read_bytes() == sound)
    models.wait_for(TITLE, "In use")
    # Removed, after the window has gone back to the one that is always there.
    models.press(TITLE, "Remove…")
    assert models.says(TITLE, "It is in use")
    models.press(TITLE, next(t for t in models.buttons(TITLE) if t.startswith("Remove, free ")))
    models.wait_for(TITLE, "Not downloaded")
    user.wait_for_model(SLOW)
    assert not weights.parent.exists()


def test_the_new_model_can_be_chosen_at_once(models: ModelList) -> None:
    download(models)
    models.wait_for(TITLE, "Installed")
    menu = models.user.button("Model").menu()  # type: ignore[union-attr]
    menu.aboutToShow.emit()
    assert TITLE in [action.text() for action in menu.actions()]


# --- stopping -------------------------------------------------------------------------------


def test_a_download_goes_on_when_the_list_is_closed(models: ModelList, server: Server) -> None:
    user = models.user
    server.tricks.append(hold_after(HALF))
    download(models)
    user.wait(lambda: bool(models.share(TITLE)))
    models.dialog.close()
    button = user.button("Show all models")
    assert button.text().startswith(f"{TITLE}: ")
    assert button.text().endswith(" %")
    user.click(button)
    user.wait(lambda: bool(models.cards()) and bool(models.share(TITLE)))
    models.dialog.close()
    server.gate.set()
    user.wait(lambda: user.window.messages.text == f"“{TITLE}” is installed.")
    assert not button.isVisible()


def test_closing_the_window_pauses_a_download(
    models: ModelList, server: Server, new_window: Callable[..., Driver]
) -> None:
    server.tricks.append(hold_after(HALF))
    download(models)
    models.user.wait(lambda: bool(models.share(TITLE)))
    models.user.close()
    server.gate.set()
    again = ModelList(new_window())
    again.user.wait_for_model(FAST)
    again.open()
    assert again.says(TITLE, "Paused at")
    again.press(TITLE, "Resume")
    again.wait_for(TITLE, "Installed")
    assert server.ranges[-1] is not None


def test_cancelling_leaves_nothing(models: ModelList, server: Server) -> None:
    server.tricks.append(hold_after(HALF))
    download(models)
    models.user.wait(lambda: bool(models.share(TITLE)))
    models.press(TITLE, "Cancel…")
    assert models.says(TITLE, "Delete what is downloaded of it", "“Pause” would keep it.")
    models.press(TITLE, "Delete")
    models.wait_for(TITLE, "Not downloaded")
    assert list(paths.user_models().glob("school*")) == []


def test_what_is_paused_can_be_cancelled(models: ModelList, server: Server) -> None:
    pause_in_the_middle(models, server)
    models.press(TITLE, "Cancel…")
    assert not models.says(TITLE, "“Pause” would keep it."), "it is paused"
    models.press(TITLE, "Not now")
    assert models.says(TITLE, "Paused at")
    models.press(TITLE, "Cancel…")
    models.press(TITLE, "Delete")
    models.wait_for(TITLE, "Not downloaded")
    assert list(paths.user_models().glob("school*")) == []


# --- failures -------------------------------------------------------------------------------


def test_a_failure_is_told_in_its_card_and_tried_again(models: ModelList, server: Server) -> None:
    server.tricks.append(status(404))
    download(models)
    models.wait_for(TITLE, "127.0.0.1 does not have", "school.onnx", "use another mirror.")
    assert models.says(TITLE, "Failed")
    assert dialogs_in_the_way() == []
    assert models.user.window.messages.isHidden(), "said once"
    models.press(TITLE, "Try again")
    models.wait_for(TITLE, "Installed")


def test_a_failure_is_told_above_when_the_list_is_closed(models: ModelList, server: Server) -> None:
    user = models.user

    def fail_later(request: Request) -> None:
        request.server.gate.wait(60)
        request.send_all(403, b"")

    server.tricks.append(fail_later)
    download(models)
    models.dialog.close()
    server.gate.set()
    user.wait(lambda: "does not hand out the file" in user.window.messages.text)
    user.click(user.button("Show models"))
    models.wait_for(TITLE, "does not hand out the file")
    assert "Try again" in models.buttons(TITLE)


def test_a_model_that_stays_damaged_is_still_called_so(models: ModelList, server: Server) -> None:
    download(models)
    models.wait_for(TITLE, "Installed")
    weights = paths.user_models() / "school" / "weights.bin"
    weights.write_bytes(bytes(weights.stat().st_size))
    models.press(TITLE, "Verify")
    models.wait_for(TITLE, "Damaged")
    server.tricks.append(status(404))
    models.press(TITLE, "Repair…")
    models.press(TITLE, next(t for t in models.buttons(TITLE) if t.startswith("Download ")))
    models.wait_for(TITLE, "does not have")
    assert "Use" not in models.buttons(TITLE)
    assert "Repair…" in models.buttons(TITLE)


def test_a_model_of_the_users_own_that_is_broken_can_be_removed(user: Driver) -> None:
    folder = paths.user_models() / "hurt"
    tiny_model(folder, title="Hurt")
    (folder / "model.json").write_text("{", encoding="utf-8")
    models = ModelList(user)
    models.open()
    models.press("hurt", "Remove…")
    assert models.says("hurt", "It cannot be downloaded again from here.")
    models.press("hurt", next(t for t in models.buttons("hurt") if t.startswith("Remove, ")))
    user.wait(lambda: "hurt" not in models.cards())
    assert not folder.exists()


def test_a_model_stays_if_nothing_can_take_its_place(
    user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model(paths.user_models() / "tiny", title="Tiny")
    models = ModelList(user)
    models.open()
    models.press("Tiny", "Use")
    models.wait_for("Tiny", "In use")
    user.settings.set(COMPARE, "tiny")
    monkeypatch.setattr(paths, "bundled_models", lambda: paths.user_models() / "nowhere")
    models.press("Tiny", "Remove…")
    models.press("Tiny", next(t for t in models.buttons("Tiny") if t.startswith("Remove, ")))
    models.wait_for("Tiny", "“Tiny” was not removed", "Use another model, then remove this one.")
    assert user.bench.model is not None
    assert user.bench.model.name == "tiny"
    assert (paths.user_models() / "tiny").is_dir()


# --- mirrors --------------------------------------------------------------------------------


def test_a_mirror_takes_the_place_of_the_host(models: ModelList, server: Server) -> None:
    user = models.user
    with serving(b"x") as wrong:
        offer([entry_for(server, title=TITLE, url=f"{wrong.address}/models/school.onnx")])
        models.dialog.refresh()
        user.settings.set(MODEL_MIRROR, f"{server.address}/mirror")
        user.wait(lambda: not user.bench.tasks.is_pending("models"))
        download(models)
        models.wait_for(TITLE, "Installed")
        assert wrong.requests == []
    assert server.requests[0][0] == "/mirror/models/school.onnx"


def test_a_mirror_that_is_none_is_refused_before_anything_is_asked(models: ModelList) -> None:
    models.user.settings.set(MODEL_MIRROR, "http://mirror.example")
    models.press(TITLE, "Download…")
    assert models.says(TITLE, "“http://mirror.example” is no mirror", "not encrypted")
    assert models.buttons(TITLE) == ["Not now"]


# --- folders and files ----------------------------------------------------------------------


def test_folders_are_shown(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True
    )
    models = ModelList(user)
    models.open()
    models.press(COMPACT, "Open folder")
    user.click(user.button("Open models folder", models.dialog))
    bundled = paths.bundled_models() / SLOW
    # The folder of the user's models is not there before the first one is.
    assert opened == [str(bundled), str(paths.data_dir().parent)]
    tiny_model(paths.user_models() / "tiny")
    user.click(user.button("Open models folder", models.dialog))
    assert opened[-1] == str(paths.user_models())


def test_a_model_can_be_dropped_on_the_list(user: Driver, tmp_path: Path) -> None:
    page = tmp_path / "page.onnx"
    page.write_text("<html>", encoding="utf-8")
    models = ModelList(user)
    models.open()
    for file, is_taken in ((tmp_path / "photo.jpg", False), (page, True)):
        mime = mime_of(files=[file])
        arguments = (
            *(Qt.DropAction.CopyAction, mime),
            *(Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier),
        )
        enter = QDragEnterEvent(QPoint(300, 300), *arguments)
        enter.ignore()
        QApplication.sendEvent(models.dialog, enter)
        assert enter.isAccepted() is is_taken
    QApplication.sendEvent(models.dialog, QDropEvent(QPointF(300, 300), *arguments))
    ImportForm(user).wait_for("“page.onnx” is no ONNX model")


def test_a_long_title_leaves_room_in_the_line_below(models: ModelList, server: Server) -> None:
    user = models.user
    offer([entry_for(server, title="A title without an end " * 8)])
    models.dialog.refresh()
    user.wait(lambda: any(title.startswith("A title") for title in models.cards()))
    [title] = [title for title in models.cards() if title.startswith("A title")]
    server.tricks.append(hold_after(HALF))
    models.press(title, "Download…")
    models.press(title, next(t for t in models.buttons(title) if t.startswith("Download ")))
    user.wait(lambda: bool(models.share(title)))
    button = user.button("Show all models")
    assert "…" in button.text()
    assert button.text().endswith(" %")
    assert button.width() < user.window.width() / 4
    assert title in button.accessibleName()
    server.gate.set()
    models.wait_for(title, "Installed")


# --- the keyboard ---------------------------------------------------------------------------


def test_the_keyboard_stays_in_the_card(models: ModelList, server: Server) -> None:
    user = models.user
    user.wait(models.dialog.isActiveWindow)
    server.tricks.append(hold_after(HALF))
    card = models.card(TITLE)
    card.take_focus()

    def on_button() -> str:
        focus = QApplication.focusWidget()
        assert focus is not None
        assert card.isAncestorOf(focus), focus
        assert focus.isVisible()
        return focus.text()  # type: ignore[attr-defined,no-any-return]

    assert on_button() == "Download…"
    user.key(Qt.Key.Key_Space)
    assert on_button().startswith("Download ")
    user.key(Qt.Key.Key_Space)
    user.wait(lambda: bool(models.share(TITLE)))
    assert on_button() == "Pause"
    server.gate.set()
    models.wait_for(TITLE, "Installed")
    assert on_button() == "Use"
    with contextlib.suppress(RuntimeError):
        user.key(Qt.Key.Key_Space)
    user.wait_for_model("school")
