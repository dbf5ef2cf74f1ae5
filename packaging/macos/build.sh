#!/usr/bin/env bash
# Build VGGscope.app and dist/VGGscope-<version>-macos-arm64.dmg, on macOS with Python 3.13:
#
#   bash packaging/macos/build.sh
#
# VGGSCOPE_CODESIGN_IDENTITY   sign with this identity of the keychain; else ad hoc, for this computer
# VGGSCOPE_NOTARY_PROFILE      have Apple notarize it, by this profile of notarytool
#
# Not run by its authors yet, who have no Mac (docs/packaging.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bash tools/bootstrap.sh package
version=$(.venv/bin/python -c 'import vggscope; print(vggscope.__version__)')
.venv/bin/pyinstaller --noconfirm --log-level WARN --workpath build/pyinstaller \
    --distpath build/macos build.spec
app=build/macos/VGGscope.app
codesign --verify --deep --strict "$app"

image=dist/VGGscope-$version-macos-arm64.dmg
content=build/macos/image
rm -rf "$content" "$image"
mkdir -p "$content" dist
cp -R "$app" "$content/"
ln -s /Applications "$content/Applications"
hdiutil create -volname VGGscope -srcfolder "$content" -format ULMO -ov "$image"
if [ -n "${VGGSCOPE_CODESIGN_IDENTITY:-}" ]; then
    codesign --sign "$VGGSCOPE_CODESIGN_IDENTITY" --timestamp "$image"
fi
if [ -n "${VGGSCOPE_NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$VGGSCOPE_NOTARY_PROFILE" --wait
    xcrun stapler staple "$image"
fi
echo "$image"
