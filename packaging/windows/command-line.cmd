@echo off
rem Opens a command prompt that knows vggscope: the Start menu's "VGGscope command line".
title VGGscope
set "PATH=%~dp0;%PATH%"
vggscope.com --version
echo.
echo   vggscope classify photo.jpg     what the network sees
echo   vggscope --help                 everything else
echo.
