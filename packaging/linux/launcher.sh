#!/bin/sh
# Starts VGGscope from the folder that it was unpacked into, wherever that is.
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")

# The program itself would name a library of its own that does not load.
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=""
minor=${libc#glibc 2.}
if [ "$minor" != "$libc" ] && [ "${minor%%.*}" -lt @GLIBC_MINOR@ ]; then
    echo "vggscope: needs glibc @GLIBC@ or newer, and this system has $libc" >&2
    exit 1
fi

# What every desktop has and this folder does not bring; the program itself would only say that
# it has no window.
if known=$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null); then
    missing=""
    for library in @LIBRARIES@; do
        case $known in
            *"$library "*) ;;
            *) missing="$missing $library" ;;
        esac
    done
    if [ -n "$missing" ]; then
        echo "vggscope: the window may not open, as this system lacks:$missing" >&2
        echo "vggscope: on Debian and Ubuntu: sudo apt-get install @PACKAGES@" >&2
    fi
fi
exec "$here/program/vggscope" "$@"
