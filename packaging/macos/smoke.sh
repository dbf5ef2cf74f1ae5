#!/usr/bin/env bash
# Use what build.sh has built, as it lies in the image.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

image=$(ls dist/VGGscope-*-macos-arm64.dmg)
place=$(mktemp -d)/"Ünïcode & 写真"
mkdir "$place"
mount=$(mktemp -d)
hdiutil attach -nobrowse -readonly -mountpoint "$mount" "$image"
trap 'hdiutil detach "$mount"' EXIT
cp -R "$mount/VGGscope.app" "$place/"
program=$place/VGGscope.app/Contents/MacOS/vggscope
export VGGSCOPE_DATA_DIR=$place/data

"$program" --version
"$program" doctor
"$program" classify resources/samples/zebra.jpg | tee "$place/answer.txt"
grep -q zebra "$place/answer.txt"
QT_QPA_PLATFORM=offscreen "$program" live --source resources/samples/slideshow.webm \
    --headless --seconds 5 | tee "$place/live.txt"
[ "$(grep -c '^{' "$place/live.txt")" -ge 3 ]
QT_QPA_PLATFORM=offscreen "$program" resources/samples/zebra.jpg &
window=$!
sleep 15
kill -TERM "$window"
wait "$window"
echo "macos smoke: all passed"
