"""All devices of this computer: which one is in use, how fast they are, why others are not used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QCheckBox,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.dialogs import close_box
from vggscope.ui.labels import wrapped
from vggscope.ui.rows import choose_by_row
from vggscope.ui.settings import DEVICE, EXACT, MODEL, Settings
from vggscope.ui.steady_dialog import SteadyDialog
from vggscope.ui.texts import explanation_of, message_of, proposal_text

if TYPE_CHECKING:
    from vggscope.inference.selection import Row
    from vggscope.ui.workbench import Workbench

_STATUS: Final = 5
_RIGHT: Final = frozenset({3, 4})
_USABLE: Final = frozenset({"verified", "untried", "lost"})


class DevicesDialog(SteadyDialog):
    """The device table, with a choice and "probe again"."""

    def __init__(
        self, workbench: Workbench, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._bench, self._settings = workbench, settings
        self._rows: tuple[Row, ...] = ()
        self.setWindowTitle(self.tr("Devices"))
        self._clash = wrapped()
        self._clash.setProperty("bad", True)
        self._intro = wrapped()
        self._table = self._make_table()
        self._detail = wrapped()
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail.setMinimumHeight(58)
        self._proposal, self._accept = wrapped(), self.button(self.tr("Use it"), self._take)
        self._accept.setAccessibleDescription(self.tr("Changes to the model that is proposed"))
        self._busy = QProgressBar()
        self._busy.setTextVisible(False)
        self._busy_text = QLabel()
        self._busy_text.setProperty("muted", True)
        self._exact = QCheckBox(self.tr("Exact arithmetic: only devices that compute in fp32"))
        self._exact.setChecked(settings.flag(EXACT))
        self._exact.toggled.connect(lambda on: settings.set(EXACT, on))
        self._lay_out()
        workbench.roster.changed.connect(self._show)
        workbench.model_changed.connect(self._show)
        settings.changed.connect(self._show)
        self._table.itemSelectionChanged.connect(self._show_detail)
        self._table.itemActivated.connect(lambda _: self._use())
        self.resize(940, 560)
        workbench.roster.look()
        self._show()

    def _make_table(self) -> QTableWidget:
        heads = [
            self.tr("Device"),
            self.tr("Provider"),
            self.tr("Precision"),
            self.tr("Time"),
            self.tr("÷ CPU"),
            self.tr("Status"),
        ]
        table = QTableWidget(0, len(heads))
        table.setAccessibleName(self.tr("Devices"))
        choose_by_row(table)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_STATUS, QHeaderView.ResizeMode.Stretch)
        for column, text in enumerate(heads):
            table.setHorizontalHeaderItem(column, _cell(text, column))
        return table

    def _lay_out(self) -> None:
        self._use_button = self.button(self.tr("Use this device"), self._use)
        self._auto_button = self.button(self.tr("Use the fastest"), self._use_auto)
        self._auto_button.setToolTip(self.tr("Auto: always the fastest verified device"))
        self._probe_button = self.button(self.tr("Probe again"), self._probe)
        self._probe_button.setToolTip(
            self.tr("Looks for devices and drivers anew, and tries all of them")
        )
        busy = QHBoxLayout()
        busy.setSpacing(12)
        busy.addWidget(self._busy_text)
        busy.addWidget(self._busy, 1)
        box = close_box(self)
        for button in box.buttons():
            # Enter in the table uses a device: it must not close the dialog, too.
            cast("QPushButton", button).setAutoDefault(False)
        for button in (self._use_button, self._auto_button, self._probe_button):
            box.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.setSpacing(12)
        for widget in (self._intro, self._clash):
            layout.addWidget(widget)
        layout.addWidget(self._table, 1)
        layout.addWidget(self._detail)
        offer = QHBoxLayout()
        offer.setSpacing(12)
        offer.addWidget(self._proposal, 1)
        offer.addWidget(self._accept)
        layout.addLayout(offer)
        layout.addWidget(self._exact)
        layout.addLayout(busy)
        layout.addWidget(box)

    # What is shown

    def _show(self) -> None:
        roster, model = self._bench.roster, self._bench.model
        survey = roster.survey
        title = model.title if model else ""
        self._intro.setText(
            self.tr(
                "Every device is tried once with {0} and the sample photos, in a process of its "
                "own. Only those that compute what the CPU computes are used."
            ).format(title or self.tr("the model"))
        )
        clash = survey.clash if survey else None
        self._clash.setVisible(clash is not None)
        if clash is not None:
            self._clash.setText(explanation_of(clash))
        self._exact.setChecked(self._settings.flag(EXACT))
        self._fill(survey.rows if survey else ())
        self._show_busy()
        self._show_proposal()
        self._show_detail()

    def _fill(self, rows: tuple[Row, ...]) -> None:
        selected = self._selected()
        if selected is None:
            chosen = next((n for n, row in enumerate(rows) if self._is_used(row)), 0)
        else:
            chosen = next((n for n, row in enumerate(rows) if row.key == selected.key), 0)
        self._rows = rows
        self._table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            font = QFont(self.font())
            font.setBold(self._is_used(row))
            for column, text in enumerate(self._cells(row)):
                item = _cell(text, column)
                if row.device is None:
                    item.setForeground(self.palette().placeholderText())
                item.setFont(font)
                self._table.setItem(number, column, item)
        if rows:
            self._table.selectRow(chosen)

    def _cells(self, row: Row) -> tuple[str, ...]:
        device = row.device
        return (
            device.hardware.name if device else "–",
            row.provider.title,
            ", ".join(filter(None, device.variant.split("-"))) if device else "–",
            "–" if row.milliseconds is None else f"{row.milliseconds:.1f} ms",
            "–" if row.ratio is None else f"{row.ratio:.2f}",
            self._status(row),
        )

    def _status(self, row: Row) -> str:
        words = {
            "verified": self.tr("verified"),
            "refused": self.tr("refused: wrong results"),
            "crashed": self.tr("refused: crashed"),
            "timed-out": self.tr("refused: timed out"),
            "unsupported": self.tr("cannot run this model"),
            "lost": self.tr("failed in use"),
            "untried": self.tr("not tried yet"),
            "unavailable": self.tr("not available"),
        }
        if row.device is None and row.problem is not None:
            # The sentence is short, and tells more.
            return message_of(row.problem)
        word = words[row.status]
        return self.tr("{0}, in use").format(word) if self._is_used(row) else word

    def _is_used(self, row: Row) -> bool:
        model = self._bench.model
        return row.device is not None and model is not None and row.device.key == model.device_key

    def _show_busy(self) -> None:
        roster = self._bench.roster
        trial = roster.trial
        for widget in (self._busy, self._busy_text):
            widget.setVisible(roster.is_busy)
        self._probe_button.setEnabled(bool(roster.model) and not roster.is_busy)
        if trial is None:
            self._busy.setRange(0, 0)
            self._busy_text.setText(self.tr("Looking for devices…"))
        else:
            self._busy.setRange(0, trial.count)
            self._busy.setValue(trial.number - 1)
            text = self.tr("Trying {0} ({1} of {2})…")
            self._busy_text.setText(text.format(trial.name, trial.number, trial.count))
        self._busy.setAccessibleName(self._busy_text.text())

    def _show_proposal(self) -> None:
        proposal = self._bench.roster.proposal
        for widget in (self._proposal, self._accept):
            widget.setVisible(proposal is not None)
        if proposal is not None:
            self._proposal.setText(proposal_text(proposal))

    def _show_detail(self) -> None:
        row = self._selected()
        usable = row is not None and row.device is not None and row.status in _USABLE
        self._use_button.setEnabled(usable)
        is_auto = self._settings.text(DEVICE) == DEVICE.default
        self._auto_button.setEnabled(not is_auto)
        self._detail.setText("" if row is None else self._explanation(row))

    def _explanation(self, row: Row) -> str:
        name = row.device.name if row.device else row.provider.title
        verdict = row.verdict
        if row.problem is not None:
            return explanation_of(row.problem)
        if row.device is not None and row.device.is_cpu:
            return self.tr("{0}: what all others are compared with.").format(name)
        if verdict is None and row.device is not None and row.device.is_by_hand:
            return self.tr("{0}: tried and used only when you choose it.").format(name)
        if verdict is None or verdict.difference is None:
            return self.tr("{0}: not tried with this model yet.").format(name)
        text = self.tr(
            "{0}: the CPU's top-1 class on {1} of {2} photos; no probability differs by more "
            "than {3}."
        ).format(name, verdict.agreeing, verdict.photos, f"{verdict.difference:.4f}")
        if verdict.on_cpu:
            operators = ", ".join(f"{count} × {name}" for name, count in verdict.on_cpu.items())
            text += " " + self.tr("It leaves these operators to the CPU: {0}.").format(operators)
        return text

    # What is done

    def _selected(self) -> Row | None:
        number = self._table.currentRow()
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def _use(self) -> None:
        row = self._selected()
        if row is None or row.device is None or row.status not in _USABLE:
            return
        self._settings.set(DEVICE, row.device.key)
        if row.status == "lost":
            # Chosen on purpose: it gets another chance.
            self._bench.roster.retry()

    def _probe(self) -> None:
        # The button will be disabled, and focus would go to the next one: Close.
        self._table.setFocus()
        self._bench.roster.probe_again()

    def _use_auto(self) -> None:
        self._settings.set(DEVICE, DEVICE.default)

    def _take(self) -> None:
        proposal = self._bench.roster.proposal
        if proposal is not None:
            self._settings.set(MODEL, proposal.model)

    # Qt overrides

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Cells do not follow the palette by themselves.
        if event.type() == QEvent.Type.PaletteChange and self._rows:
            self._fill(self._rows)


def _cell(text: str, column: int) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    side = "AlignRight" if column in _RIGHT else "AlignLeft"
    item.setTextAlignment(Qt.AlignmentFlag[side] | Qt.AlignmentFlag.AlignVCenter)
    return item
