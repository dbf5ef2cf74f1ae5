#!/bin/sh
# Puts VGGscope into your menu and into “Open with”, or takes it out again. Nothing is copied: this
# folder has to stay where it is. No administrator is needed.
#
#   ./install.sh              menu entry, icons, and ~/.local/bin/vggscope
#   ./install.sh --uninstall  takes out what it put there
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")
data=${XDG_DATA_HOME:-$HOME/.local/share}
program="$HOME/.local/bin/vggscope"

refresh() {
    update-desktop-database -q "$data/applications" 2>/dev/null || true
    update-mime-database "$data/mime" 2>/dev/null || true
    gtk-update-icon-cache -q -t -f "$data/icons/hicolor" 2>/dev/null || true
}

# Whether the link is one to such a folder, or to one that is gone: others come from pip or pipx.
is_ours() {
    [ -L "$program" ] || return 1
    [ ! -e "$program" ] || [ -x "$(dirname -- "$(readlink -f -- "$program")")/program/vggscope" ]
}

files() { (cd "$here/share" && find . -type f) | sed 's|^\./||'; }

case ${1:-} in
    "")
        # In a desktop file's Exec these have a meaning inside quotes.
        case $here in
            *[\"\`\$\\%]* | *'
'*)
                echo "install.sh: desktop entries cannot name a folder with \" \` \$ \\ % in its path: $here" >&2
                exit 1 ;;
        esac
        if [ -e "$program" ] && ! is_ours; then
            echo "install.sh: $program is there already, and is not ours." >&2
            exit 1
        fi
        files | while IFS= read -r file; do
            mkdir -p -- "$data/$(dirname -- "$file")"
            cp -- "$here/share/$file" "$data/$file"
        done
        entry="$data/applications/vggscope.desktop"
        escaped=$(printf '%s' "$here" | sed 's/[&|]/\\&/g')
        sed -i -e "s|^Exec=vggscope|Exec=\"$escaped/vggscope\"|" -e '/^TryExec=/d' "$entry"
        mkdir -p -- "$(dirname -- "$program")"
        ln -sfn -- "$here/vggscope" "$program"
        refresh
        echo "VGGscope is in your menu; in a terminal: $program"
        ;;
    --uninstall)
        files | while IFS= read -r file; do
            rm -f -- "$data/$file"
        done
        if [ -L "$program" ] && [ "$(readlink -- "$program")" = "$here/vggscope" ]; then
            rm -- "$program"
        fi
        # Folders that are empty now; others stay.
        (cd "$here/share" && find . -depth -type d) | while IFS= read -r folder; do
            [ "$folder" = . ] || rmdir -- "$data/$folder" 2>/dev/null || true
        done
        refresh
        echo "VGGscope is out of your menu. Its folder can be removed: $here"
        ;;
    *)
        echo "usage: ./install.sh [--uninstall]" >&2
        exit 2
        ;;
esac
