#!/usr/bin/env bash
# Makes .venv ready to run or test VGGscope: the only set-up step, called by every make target.
#
#   tools/bootstrap.sh [--xvfb] [EXTRA...]          install what is missing; instant if nothing is
#   tools/bootstrap.sh [--xvfb] --print-missing     name missing system packages, change nothing
#
# EXTRA is an optional dependency group of pyproject.toml; groups installed before are kept.
# --xvfb counts what the tests use a virtual display with among the system packages,
# --linux-packages, --linux-smoke, --windows-installer and --windows-smoke what those targets of
# make need.
# PYTHON=...  the interpreter to build .venv with (default: the newest from 3.11 to 3.14)
# NO_APT=1    never install system packages, only name them
# pip reads its own configuration files and PIP_* variables as always.
set -euo pipefail
exec </dev/null
unset CDPATH PYTHONHOME PYTHONPATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(pwd -P)

readonly venv=.venv
readonly log=$venv/bootstrap.log
readonly stamp=$venv/bootstrap.stamp           # what is installed; written last
readonly unfinished=$venv/bootstrap.unfinished # there while something is being installed
readonly qt_packages="libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 \
libpulse0 libgssapi-krb5-2 libxrandr2 libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 \
libxcb-keysyms1 libxcb-shape0 fonts-dejavu-core"
readonly xvfb_packages="xvfb xauth xdotool imagemagick openbox" # the tests' screen, hands and eyes
# What Qt's plugins for Wayland are linked with has a name in a .deb only where it is installed.
readonly linux_packages="binutils xz-utils libwayland-cursor0 libwayland-egl1"
readonly windows_packages="wine wine64 nsis osslsigncode gcc-mingw-w64-x86-64-win32 xauth xvfb"
readonly linux_smoke_packages="debootstrap appstream desktop-file-utils"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

show_log() { tail -n 20 "$log" | sed 's/^/    /' >&2; }

# --- Python ------------------------------------------------------------------------------------

# Prints version, installation folder and executable of an interpreter, three lines; fails where
# it does not start or is too old. Inside a virtual environment: those of the one it was made from.
describe_python() {
    "$1" -I -c '
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
print("%d.%d.%d" % sys.version_info[:3], sys.base_prefix, sep="\n")
print(getattr(sys, "_base_executable", sys.executable))
' 2>/dev/null
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        describe_python "$PYTHON" && return
        die "PYTHON=$PYTHON is not a working Python 3.11 or newer."
    fi
    for candidate in python3.14 python3.13 python3.12 python3.11 python3; do
        describe_python "$candidate" && return
    done
    say "VGGscope needs Python 3.11 or newer, and there is none in PATH. Install it with:"
    die "    $(how_to_install_python)"
}

how_to_install_python() {
    local version
    if [ "$(uname -s)" = Darwin ]; then
        echo "brew install python@3.13"
        return
    fi
    if has_apt; then
        for version in 3.14 3.13 3.12 3.11; do
            if apt-cache show "python$version-venv" >/dev/null 2>&1; then
                apt_command "python$version" "python$version-venv"
                return
            fi
        done
        if ! command -v python3 >/dev/null; then
            apt_command python3 python3-venv
            return
        fi
    fi
    echo "your system's package manager, or from https://www.python.org/downloads/"
}

# --- System packages ---------------------------------------------------------------------------

has_apt() { command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; }

# Prints those of the named packages that are not installed. Debian 13 and Ubuntu 24.04 renamed
# some libraries to ...t64; apt-get understands the old name, dpkg-query does not.
missing_packages() {
    local name installed queried=()
    for name in "$@"; do
        queried+=("$name" "${name}t64")
    done
    # shellcheck disable=SC2016  # dpkg-query's own variables
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${queried[@]}" 2>/dev/null) || true
    installed=$'\n'$installed$'\n'
    for name in "$@"; do
        case $installed in
            *$'\n'"installed $name"$'\n'* | *$'\n'"installed ${name}t64"$'\n'*) ;;
            *) printf '%s\n' "$name" ;;
        esac
    done
}

apt_command() {
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo "
    echo "${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends $*"
}

install_packages() {
    local as_root=()
    if [ -n "${NO_APT:-}" ]; then
        return 1
    elif [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    say "Installing system packages: $*"
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120)
    # One broken third-party source fails the update, and need not matter to the installation.
    "${as_root[@]}" update >>"$log" 2>&1 || true
    "${as_root[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1 || {
        show_log
        return 1
    }
}

# On a Linux without dpkg: what Qt itself says when its widgets, its media library and its X11
# plugin are loaded.
qt_complaint() {
    "$venv/bin/python" -I -c '
import ctypes, pathlib
try:
    import PySide6.QtMultimedia, PySide6.QtWidgets
    ctypes.CDLL(str(pathlib.Path(PySide6.__file__).parent / "Qt/plugins/platforms/libqxcb.so"))
except (ImportError, OSError) as error:
    print(error)
' 2>/dev/null || true
}

# --- The virtual environment -------------------------------------------------------------------

# Prints why .venv cannot be built upon; nothing if it can.
reason_to_rebuild() {
    local home ours
    [ -x "$venv/bin/python" ] || { echo "its Python is gone" && return; }
    [ ! -e "$unfinished" ] || { echo "the last installation was interrupted" && return; }
    ours=$(describe_python "$venv/bin/python") || { echo "its Python does not start or is too old" && return; }
    if [ -n "${PYTHON:-}" ] && [ "$(head -n 2 <<<"$ours")" != "$(find_python | head -n 2)" ]; then
        echo "it was made by another Python than PYTHON=$PYTHON"
        return
    fi
    # Where scripts were installed for: in the first line, or, if the path is long or has spaces
    # in it, in the second.
    home=$(sed -n -e '1s|^#!\(/.*\)/python[^/]*$|\1|p' \
        -e "2s|^'''exec' \"\{0,1\}\(/.*\)/python[^/]* \"\\\$0\".*|\1|p" "$venv/bin/pip" 2>/dev/null) || true
    [ -n "$home" ] || { echo "it has no pip" && return; }
    [ "$home" -ef "$venv/bin" ] || { echo "it was made in another folder" && return; }
    "$venv/bin/python" -I -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("pip"))' ||
        echo "its pip belongs to another Python"
}

# What an installation depends on, as the stamp's first line.
stamp_key() {
    printf '1 %s %s\n' "$(cksum <pyproject.toml | tr -d ' ')" "$(describe_python "$venv/bin/python" | sed 's/\.[0-9]*$//;q')"
}

# Prints the groups to install: those of before and those asked for, a,b,c.
all_extras() {
    { if [ -f "$stamp" ]; then sed -n '2s/^extras: //p' "$stamp" | tr ',' '\n'; fi && printf '%s\n' "$@"; } |
        sed '/^$/d' | sort -u | paste -sd, -
}

is_fresh() {
    [ -f "$stamp" ] && [ -x "$venv/bin/vggscope" ] &&
        [ "$(cat "$stamp")" = "$(stamp_key)"$'\n'"extras: $(all_extras "$@")" ]
}

# Shows pip's last words in one changing line of a terminal.
progress() {
    local line
    if [ -t 2 ]; then
        while IFS= read -r line; do
            case $line in
                *Collecting* | *Downloading* | *Building* | Installing*)
                    printf '\r\033[K    %.70s' "${line#"${line%%[! ]*}"}" >&2 ;;
            esac
        done
        printf '\r\033[K' >&2
    else
        cat >/dev/null
    fi
}

make_venv() {
    local python=$1
    if ! "$python" -m venv "$venv" >>"$log" 2>&1; then
        show_log
        die "$python could not create $root/$venv (see above)."
    fi
}

install_package() {
    local target=. extras
    extras=$(all_extras "$@")
    [ -z "$extras" ] || target=".[$extras]"
    if [ -f "$stamp" ]; then
        say "Bringing $venv up to date${extras:+ (with $extras)} ..."
    else
        say "Installing VGGscope${extras:+ (with $extras)} into $venv (about 700 MB the first time) ..."
    fi
    echo "pip install -e $target" >>"$log"
    if ! PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install \
        --progress-bar off --editable "$target" 2>&1 | tee -a "$log" | progress; then
        # Up to this line of its log pip has only downloaded, and what was installed is intact.
        grep -q '^Installing collected packages' "$log" || rm -f "$unfinished"
        show_log
        die "pip could not install VGGscope (its whole log: $log)."
    fi
    printf '%s\nextras: %s\n' "$(stamp_key)" "$extras" >"$stamp.new"
    mv "$stamp.new" "$stamp"
}

# --- What to do --------------------------------------------------------------------------------

packages=$qt_packages
print_missing=no
while [ $# -gt 0 ]; do
    case $1 in
        --xvfb) packages="$packages $xvfb_packages" ;;
        --linux-packages) packages="$packages $linux_packages" ;;
        --linux-smoke) packages="$packages $xvfb_packages $linux_packages $linux_smoke_packages" ;;
        --windows-installer) packages="$packages $windows_packages" ;;
        --windows-smoke) packages="$packages $xvfb_packages $windows_packages" ;;
        --print-missing) print_missing=yes ;;
        -*) die "usage: tools/bootstrap.sh [--xvfb] [--TARGET] [--print-missing] [EXTRA...]" ;;
        *) break ;;
    esac
    shift
done

missing=""
if has_apt; then
    # shellcheck disable=SC2086  # a list of words
    missing=$(missing_packages $packages | tr '\n' ' ')
    missing=${missing% }
fi
if [ "$print_missing" = yes ]; then
    # shellcheck disable=SC2086  # a list of words
    if [ -n "$missing" ]; then printf '%s\n' $missing; fi
    exit
fi

# Two targets started at once must not install into each other. (macOS has no flock.)
if command -v flock >/dev/null; then
    exec 9<.
    flock -n 9 || {
        say "Waiting for another installation in this folder ..."
        flock 9
    }
fi

[ -z "${PYTHON:-}" ] || find_python >/dev/null # complain before anything is removed
rebuild=$(reason_to_rebuild)
if [ -n "$rebuild" ] || [ -n "$missing" ] || ! is_fresh "$@"; then
    # A signal ends this script where it is, with the mark of the unfinished installation left.
    trap 'exit 130' HUP INT TERM
    if [ -n "$rebuild" ]; then
        description=$(find_python)
        python=$(sed -n 3p <<<"$description")
        version=$(sed -n '1s/\.[0-9]*$//p' <<<"$description")
        [ ! -e "$venv" ] || say "Making $venv anew: $rebuild."
        rm -rf "$venv"
        mkdir "$venv"
        touch "$unfinished"
        if has_apt && ! "$python" -I -c 'import ensurepip, venv' 2>/dev/null; then
            missing="$missing python$version-venv"
        fi
    elif [ ! -w "$venv" ]; then
        die "$root/$venv belongs to another user: remove it, or become that user."
    fi
    : >"$log"

    # shellcheck disable=SC2086  # a list of words
    if [ -n "$missing" ] && ! install_packages $missing; then
        say "Some system packages are missing. Install them with:"
        say "    $(apt_command "$missing")"
    fi
    if [ -n "$rebuild" ]; then
        if ! "$python" -I -c 'import ensurepip, venv' 2>/dev/null; then
            rm -rf "$venv"
            die "$python cannot create virtual environments: its modules venv and ensurepip are missing."
        fi
        make_venv "$python"
    fi
    if [ -n "$rebuild" ] || ! is_fresh "$@"; then
        touch "$unfinished"
        install_package "$@"
        rm -f "$unfinished"
    fi
fi

if [ "$(uname -s)" = Linux ] && ! has_apt; then
    complaint=$(qt_complaint)
    [ -z "$complaint" ] || say "Qt misses a library of your system, so the window may not open: $complaint"
fi
