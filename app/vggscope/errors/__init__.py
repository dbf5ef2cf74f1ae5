"""Everything that can go wrong in front of a user, as one tree of exceptions.

Each class is one situation: a stable ``kind`` for machines (the ``error.kind`` of the JSON
contract), a sentence that names the thing and the reason, and a remedy. The sentences are
templates, so that the window can translate them without the engine knowing Qt.
"""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP as QT_TRANSLATE_NOOP
from vggscope.errors.base import Cancelled as Cancelled
from vggscope.errors.base import VggscopeError as VggscopeError
from vggscope.errors.base import from_record as from_record
from vggscope.errors.devices import CrashedInUseError as CrashedInUseError
from vggscope.errors.devices import DeviceCrashedError as DeviceCrashedError
from vggscope.errors.devices import DeviceError as DeviceError
from vggscope.errors.devices import DeviceHangsError as DeviceHangsError
from vggscope.errors.devices import DeviceLostError as DeviceLostError
from vggscope.errors.devices import DeviceTimedOutError as DeviceTimedOutError
from vggscope.errors.devices import DeviceUnsupportedError as DeviceUnsupportedError
from vggscope.errors.devices import EngineMissingError as EngineMissingError
from vggscope.errors.devices import InexactDeviceError as InexactDeviceError
from vggscope.errors.devices import InferenceError as InferenceError
from vggscope.errors.devices import NoHardwareError as NoHardwareError
from vggscope.errors.devices import NoProbabilitiesError as NoProbabilitiesError
from vggscope.errors.devices import ProviderBrokenError as ProviderBrokenError
from vggscope.errors.devices import ProviderForeignError as ProviderForeignError
from vggscope.errors.devices import ProviderNotBuiltInError as ProviderNotBuiltInError
from vggscope.errors.devices import ProviderNotInstalledError as ProviderNotInstalledError
from vggscope.errors.devices import ProviderVersionError as ProviderVersionError
from vggscope.errors.devices import RuntimeClashError as RuntimeClashError
from vggscope.errors.devices import UnknownDeviceError as UnknownDeviceError
from vggscope.errors.devices import WrongResultError as WrongResultError
from vggscope.errors.layers import ChannelNotFoundError as ChannelNotFoundError
from vggscope.errors.layers import LayerError as LayerError
from vggscope.errors.layers import LayerNotFoundError as LayerNotFoundError
from vggscope.errors.layers import LayerWithoutWeightsError as LayerWithoutWeightsError
from vggscope.errors.layers import NoReluError as NoReluError
from vggscope.errors.live import CameraBusyError as CameraBusyError
from vggscope.errors.live import CameraDeniedError as CameraDeniedError
from vggscope.errors.live import CameraSilentError as CameraSilentError
from vggscope.errors.live import CameraUnpluggedError as CameraUnpluggedError
from vggscope.errors.live import FrameUnreadableError as FrameUnreadableError
from vggscope.errors.live import LiveError as LiveError
from vggscope.errors.live import MultimediaMissingError as MultimediaMissingError
from vggscope.errors.live import NoCameraError as NoCameraError
from vggscope.errors.live import NoPictureTrackError as NoPictureTrackError
from vggscope.errors.live import NoScreenError as NoScreenError
from vggscope.errors.live import PictureSizeChanged as PictureSizeChanged
from vggscope.errors.live import RegionOutsideError as RegionOutsideError
from vggscope.errors.live import ScreenDeniedError as ScreenDeniedError
from vggscope.errors.live import ScreenUnpluggedError as ScreenUnpluggedError
from vggscope.errors.live import VideoCutOffError as VideoCutOffError
from vggscope.errors.live import VideoUnreadableError as VideoUnreadableError
from vggscope.errors.live import WindowClosedError as WindowClosedError
from vggscope.errors.live import WindowHiddenError as WindowHiddenError
from vggscope.errors.models import AlreadyQuantizedError as AlreadyQuantizedError
from vggscope.errors.models import CalibrationError as CalibrationError
from vggscope.errors.models import ModelCorruptError as ModelCorruptError
from vggscope.errors.models import ModelDescriptionError as ModelDescriptionError
from vggscope.errors.models import ModelError as ModelError
from vggscope.errors.models import ModelFileMissingError as ModelFileMissingError
from vggscope.errors.models import ModelNameError as ModelNameError
from vggscope.errors.models import ModelNameTakenError as ModelNameTakenError
from vggscope.errors.models import ModelNotFoundError as ModelNotFoundError
from vggscope.errors.models import ModelNotReplaceableError as ModelNotReplaceableError
from vggscope.errors.models import NoModelError as NoModelError
from vggscope.errors.models import NotAChainError as NotAChainError
from vggscope.errors.models import NotQuantizableError as NotQuantizableError
from vggscope.errors.models import NoWeightsError as NoWeightsError
from vggscope.errors.output import OutputError as OutputError
from vggscope.errors.pictures import CorruptImageError as CorruptImageError
from vggscope.errors.pictures import DanglingLinkError as DanglingLinkError
from vggscope.errors.pictures import EmptyFolderError as EmptyFolderError
from vggscope.errors.pictures import EmptyImageError as EmptyImageError
from vggscope.errors.pictures import ImageError as ImageError
from vggscope.errors.pictures import ImageNotFoundError as ImageNotFoundError
from vggscope.errors.pictures import ImagePermissionError as ImagePermissionError
from vggscope.errors.pictures import ImageReadError as ImageReadError
from vggscope.errors.pictures import ImageTooLargeError as ImageTooLargeError
from vggscope.errors.pictures import NotAFileError as NotAFileError
from vggscope.errors.pictures import NotAnImageError as NotAnImageError
from vggscope.errors.pictures import TruncatedImageError as TruncatedImageError
from vggscope.errors.pictures import WebAddressError as WebAddressError
