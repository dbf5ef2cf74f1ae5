"""Models that cannot be downloaded, installed or removed; what is there already stays."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class CatalogueError(VggscopeError):
    """A list of models that can be downloaded is malformed."""

    kind = "catalogue"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The list of models in “{file}” cannot be used: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Correct that file or delete it; VGGscope has a list of its own."
    )


class NotInCatalogueError(VggscopeError):
    """Nothing of this name can be downloaded."""

    kind = "not-in-catalogue"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” is not among the models that can be downloaded."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose one of: {known}.")


class ModelBundledError(VggscopeError):
    """A model that ships with the program is neither downloaded nor removed."""

    kind = "model-bundled"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” ships with VGGscope: it is neither downloaded nor removed."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Use it as it is; “vggscope models list” shows the other models."
    )


class ConsentError(VggscopeError):
    """What takes a yes was asked for where nobody can be asked."""

    kind = "consent-needed"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{question} Nobody can be asked, since this is no terminal."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Add --yes to the command.")


class DeclinedError(VggscopeError):
    """The answer was no."""

    kind = "declined"
    message_template = QT_TRANSLATE_NOOP("errors", "Nothing was changed, as you wished.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Answer with “y” where you agree.")


class NoSpaceError(VggscopeError):
    """The disk has not enough room for a download and what is made of it."""

    kind = "no-space"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "“{model}” needs {needed} more on the disk of “{folder}”, where {free} are free.",
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Make room (“vggscope models list” shows what models take), or choose another disk with "
        "--data-dir.",
    )


class ModelBusyError(VggscopeError):
    """Another process, or another part of this one, works on the same model."""

    kind = "model-busy"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” is being downloaded, installed or removed by another VGGscope."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Wait until it is done, or stop it.")


class ModelInUseError(VggscopeError):
    """A model's files cannot be moved or deleted."""

    kind = "model-in-use"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” could not be removed, and was left as it is: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Close all windows that use it, check the permissions of “{folder}”, and try again.",
    )


class DownloadError(VggscopeError):
    """A download that did not come to its end; what came of it is kept unless it says otherwise."""


class MirrorError(DownloadError):
    """The address given as a mirror is none."""

    kind = "mirror"
    message_template = QT_TRANSLATE_NOOP("errors", "“{mirror}” is no mirror: it {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Give an address such as https://mirror.example, which takes the place of the catalogue's "
        "host; “vggscope models download --help” tells more.",
    )


class InsecureAddressError(DownloadError):
    """A server sent the download on to an address that is not encrypted."""

    kind = "insecure-address"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{host} sends the download on to “{address}”, which VGGscope does not follow."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Only addresses that begin with https:// are safe; use another mirror."
    )


class RedirectsError(DownloadError):
    """A server sends the download around in circles."""

    kind = "redirects"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{host} sent the download on to other addresses {count} times."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Try again later, or use another mirror.")


class UnreachableError(DownloadError):
    """No connection to a server."""

    kind = "unreachable"
    message_template = QT_TRANSLATE_NOOP("errors", "{host} cannot be reached: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Check the connection to the internet, and the proxy if there is one (HTTPS_PROXY); or use "
        "a mirror.",
    )


class CertificateError(DownloadError):
    """A server did not prove who it is."""

    kind = "certificate"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{host} did not prove that it is the right server: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Check this computer's clock; where a proxy opens encrypted connections, have its "
        "certificate added to those that the system trusts.",
    )


class ProxyFailedError(DownloadError):
    """The proxy does not do its part."""

    kind = "proxy-failed"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The proxy on the way to {host} failed: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Check the variables HTTPS_PROXY, ALL_PROXY and NO_PROXY."
    )


class StalledError(DownloadError):
    """A server went silent."""

    kind = "stalled"
    message_template = QT_TRANSLATE_NOOP("errors", "{host} sent nothing for {seconds} seconds.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Start it again later: it goes on where it was.")


class CutOffError(DownloadError):
    """A connection ended before the file did."""

    kind = "cut-off"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The connection to {host} broke off before all was there ({reason})."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Start it again: it goes on where it was.")


class AccessDeniedError(DownloadError):
    """A server wants to know who asks, or does not want this one to."""

    kind = "access-denied"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{host} does not hand out the file (status {status})."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Ask whoever runs that server or this network, or use another mirror."
    )


class NotThereError(DownloadError):
    """A server does not have the file."""

    kind = "not-there"
    message_template = QT_TRANSLATE_NOOP("errors", "{host} does not have “{file}”.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Check the mirror's address if you gave one, or use another mirror."
    )


class ServerBusyError(DownloadError):
    """A server asks to come later."""

    kind = "server-busy"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{host} is busy (status {status}) and asks to come back {when}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Start it again then: it goes on where it was; or use a mirror."
    )


class ServerFailedError(DownloadError):
    """A server answered in a way that is of no use."""

    kind = "server-failed"
    message_template = QT_TRANSLATE_NOOP("errors", "{host} could not answer (status {status}).")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Try again later, or use a mirror.")


class WrongFileError(DownloadError):
    """A server sent something else than the file."""

    kind = "wrong-file"
    message_template = QT_TRANSLATE_NOOP("errors", "{host} sent {what} instead of the model.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "If this network has a page to log in, do that first; or use another mirror.",
    )


class WrongHashError(DownloadError):
    """The file is not the one that was published; nothing of it is kept."""

    kind = "wrong-hash"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "What {host} sent is not the published “{model}”: its SHA-256 is {found}, not {expected}. "
        "Nothing of it was kept.",
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Try again; if it happens again, do not trust that server, and use a mirror."
    )


class DownloadWriteError(DownloadError):
    """The file that a download goes to cannot be written or read."""

    kind = "download-write"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The download could not be written to “{file}”: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Check free space and permissions, and start it again: it goes on where it was.",
    )
