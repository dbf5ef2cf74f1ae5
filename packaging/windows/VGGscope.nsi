; The installer of VGGscope: installer.py calls makensis with the definitions that are asked for below.
;
;   Setup.exe               for this user alone, without administrator rights
;   Setup.exe /AllUsers     for everybody; wants an administrator
;   Setup.exe /S            asks nothing; further: /DESKTOP, /D=C:\some folder (last, without quotes)
;   uninstall.exe /S        removes everything; /KEEPMODELS leaves the models of the user
;
; Exit status: 0 done, 1 cancelled, 2 failed, 3 VGGscope is running, 4 needs an administrator,
; 5 Windows is too old, 6 the folder holds something else, 7 the disk is too full, 8 another Setup runs.
;
; An upgrade is unpacked beside the old version and takes its place when it is complete: whatever
; happens before leaves the old version as it was. Files that were not installed are never removed.

!ifndef VERSION | NUMBERS | BUNDLE_FILES | LICENSE | ICON | WIZARD | OUTPUT | KILOBYTES
    !error "Called without its definitions: use packaging/windows/installer.py"
!endif

Target amd64-unicode
!ifdef QUICK
    SetCompress off
!else
    SetCompressor /SOLID lzma
    SetCompressorDictSize 64
!endif

!include "MUI2.nsh"
!include "nsDialogs.nsh"
!include "LogicLib.nsh"
!include "FileFunc.nsh"
!include "Sections.nsh"
!include "WinVer.nsh"
!include "${BUNDLE_FILES}"  ; macros InstallFiles, RemoveFiles, RegisterTypes, UnregisterTypes

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\VGGscope"
!define APP_PATH_KEY "Software\Microsoft\Windows\CurrentVersion\App Paths\VGGscope.exe"
!define APPLICATION_KEY "Software\Classes\Applications\VGGscope.exe"
!define SPARE_KILOBYTES 20000

Name "VGGscope"
OutFile "${OUTPUT}"
BrandingText "VGGscope ${VERSION}"
RequestExecutionLevel user
ManifestDPIAware true
ManifestSupportedOS Win10
ManifestLongPathAware true
AllowSkipFiles off
ShowInstDetails nevershow
ShowUninstDetails nevershow
!ifdef SIGN
    !finalize '${SIGN} "%1"'
    !uninstfinalize '${SIGN} "%1"'
!endif

VIProductVersion "${NUMBERS}"
VIAddVersionKey "ProductName" "VGGscope"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "VGGscope Setup"
VIAddVersionKey "CompanyName" "The VGGscope authors"
VIAddVersionKey "LegalCopyright" "MIT licence"

Var ForAll       ; 1: for all users
Var FolderGiven  ; the folder of /D=, or ""
Var Staging      ; the new version, while it is unpacked
Var Former       ; the old version, while it is removed
Var Elsewhere    ; the folder of an older version that is not $INSTDIR, or ""
Var Mutex        ; held while this Setup is at work
Var Dialog
Var OnlyMe
Var Everybody
Var KeepBox
Var KeepModels   ; 1: leave the models of the user
Var FilesOnly    ; 1: an upgrade removes the files of the old version, nothing else

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${WIZARD}"
!define MUI_COMPONENTSPAGE_NODESC
!define MUI_ABORTWARNING
!define MUI_WELCOMEPAGE_TITLE "VGGscope ${VERSION}"
!define MUI_WELCOMEPAGE_TEXT "Drop a photo, play a video or look through the camera, and see what a VGG network thinks of it.$\r$\n$\r$\nVGGscope works offline; images never leave your computer."
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${LICENSE}"
Page custom ScopePage ScopePageLeave
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE FolderPageLeave
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN
!define MUI_FINISHPAGE_RUN_TEXT "Open VGGscope"
!define MUI_FINISHPAGE_RUN_FUNCTION OpenProgram
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
UninstPage custom un.KeepPage un.KeepPageLeave
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; --- Both programs ----------------------------------------------------------------------------

; Says why nothing goes on, and ends with a status. In silence nothing is said.
!macro Refuse STATUS MESSAGE
    MessageBox MB_OK|MB_ICONEXCLAMATION "${MESSAGE}" /SD IDOK
    SetErrorLevel ${STATUS}
    Abort
!macroend

!macro SharedFunctions UN
; Sets $R0 to 1 if a program of ours in $INSTDIR is running: Windows lets nobody write to its file.
Function ${UN}LookWhetherRunning
    StrCpy $R0 0
    StrCpy $R1 "$INSTDIR\VGGscope.exe"
    Call ${UN}LookWhetherLocked
    StrCpy $R1 "$INSTDIR\vggscope.com"
    Call ${UN}LookWhetherLocked
FunctionEnd

Function ${UN}LookWhetherLocked
    ${If} ${FileExists} "$R1"
        ClearErrors
        FileOpen $R2 "$R1" a
        ${If} ${Errors}
            StrCpy $R0 1
        ${Else}
            FileClose $R2
        ${EndIf}
    ${EndIf}
FunctionEnd

; Asks to close the program; a silent run waits half a minute for that.
Function ${UN}WaitUntilClosed
    StrCpy $R3 0
    ${Do}
        Call ${UN}LookWhetherRunning
        ${If} $R0 = 0
            ${ExitDo}
        ${EndIf}
        ${If} ${Silent}
            IntOp $R3 $R3 + 1
            ${If} $R3 > 60
                SetErrorLevel 3
                Abort
            ${EndIf}
            Sleep 500
        ${Else}
            MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "VGGscope is running. Close its windows, and commands that are at work, then try again." IDRETRY +3
            SetErrorLevel 3
            Abort
        ${EndIf}
    ${Loop}
FunctionEnd

; Sets $R0 to 1 if this process may write for all users.
Function ${UN}LookWhetherAdministrator
    UserInfo::GetAccountType
    Pop $R0
    ${If} $R0 == "Admin"
        StrCpy $R0 1
    ${Else}
        StrCpy $R0 0
    ${EndIf}
FunctionEnd
!macroend
!insertmacro SharedFunctions ""
!insertmacro SharedFunctions "un."

; --- Setup: what to do --------------------------------------------------------------------------

Function .onInit
    SetRegView 64
    ${IfNot} ${AtLeastBuild} 18362
        !insertmacro Refuse 5 "VGGscope needs Windows 10, version 1903, or newer."
    ${EndIf}
    System::Call 'kernel32::CreateMutexW(p 0, i 0, w "VGGscopeSetup") p .s ?e'
    Pop $0
    Pop $Mutex
    ${If} $0 = 183
        !insertmacro Refuse 8 "Another Setup of VGGscope is at work. Wait until it has ended."
    ${EndIf}
    StrCpy $FolderGiven $INSTDIR
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/AllUsers" $1
    ${IfNot} ${Errors}
        StrCpy $ForAll 1
        Call LookWhetherAdministrator
        ${If} $R0 = 0
            !insertmacro Refuse 4 "Only an administrator can install VGGscope for everybody."
        ${EndIf}
    ${Else}
        StrCpy $ForAll 0
    ${EndIf}
    Call UseScope
    ClearErrors
    ${GetOptions} $0 "/DESKTOP" $1
    ${IfNot} ${Errors}
    ${OrIf} ${FileExists} "$DESKTOP\VGGscope.lnk"
        !insertmacro SelectSection 1  ; the icon on the desktop
    ${EndIf}
    ${If} ${Silent}
        Call LookAtFolder
        ${If} $R0 <> 0
            SetErrorLevel 6
            Abort
        ${EndIf}
    ${EndIf}
FunctionEnd

; Proposes the folder that VGGscope lies in already, else the usual one.
Function UseScope
    ${If} $ForAll = 1
        SetShellVarContext all
        StrCpy $INSTDIR "$PROGRAMFILES64\VGGscope"
    ${Else}
        SetShellVarContext current
        StrCpy $INSTDIR "$LOCALAPPDATA\Programs\VGGscope"
    ${EndIf}
    ReadRegStr $1 SHCTX "${UNINSTALL_KEY}" "InstallLocation"
    ${If} $FolderGiven != ""
        StrCpy $INSTDIR $FolderGiven
    ${ElseIf} $1 != ""
        StrCpy $INSTDIR $1
    ${EndIf}
FunctionEnd

Function ScopePage
    StrCpy $3 $ForAll
    ReadRegStr $1 HKLM "${UNINSTALL_KEY}" "InstallLocation"
    ReadRegStr $2 HKCU "${UNINSTALL_KEY}" "InstallLocation"
    ${If} $1 != ""
    ${AndIf} $2 == ""
    ${AndIf} $Everybody == ""  ; the page is new, and nothing was chosen on it yet
        ; Everybody has it: a second one beside it would be no upgrade.
        StrCpy $3 1
    ${EndIf}
    !insertmacro MUI_HEADER_TEXT "For whom" "Choose who can use VGGscope on this computer."
    nsDialogs::Create 1018
    Pop $Dialog
    ${NSD_CreateRadioButton} 0 10u 100% 12u "Only for &me"
    Pop $OnlyMe
    ${NSD_CreateRadioButton} 0 28u 100% 12u "For &everybody on this computer (an administrator has to allow it)"
    Pop $Everybody
    ${If} $3 = 1
        ${NSD_Check} $Everybody
    ${Else}
        ${NSD_Check} $OnlyMe
    ${EndIf}
    nsDialogs::Show
FunctionEnd

Function ScopePageLeave
    ${NSD_GetState} $Everybody $0
    ${If} $0 <> ${BST_CHECKED}
        StrCpy $ForAll 0
        Call UseScope
        Return
    ${EndIf}
    Call LookWhetherAdministrator
    ${If} $R0 = 1
        StrCpy $ForAll 1
        Call UseScope
        Return
    ${EndIf}
    ; The same once more, with the rights; that one is not to find this one at work.
    System::Call 'kernel32::CloseHandle(p $Mutex)'
    ClearErrors
    ExecShell "runas" "$EXEPATH" "/AllUsers"
    ${If} ${Errors}
        MessageBox MB_OK|MB_ICONEXCLAMATION "It was not allowed. VGGscope can still be installed for you alone."
        Abort
    ${EndIf}
    Quit
FunctionEnd

; Sets $R0: 0 if VGGscope may be installed in $INSTDIR, else 1: it holds something else.
Function LookAtFolder
    StrCpy $R0 0
    ${If} $INSTDIR == "$LOCALAPPDATA\vggscope"
        ; The settings and models live there.
        StrCpy $R0 1
        Return
    ${EndIf}
    ${If} ${FileExists} "$INSTDIR\VGGscope.exe"
    ${AndIf} ${FileExists} "$INSTDIR\uninstall.exe"
        Return
    ${EndIf}
    FindFirst $0 $1 "$INSTDIR\*.*"
    ${DoWhile} $1 != ""
        ${If} $1 != "."
        ${AndIf} $1 != ".."
            StrCpy $R0 1
            ${ExitDo}
        ${EndIf}
        FindNext $0 $1
    ${Loop}
    FindClose $0
FunctionEnd

Function FolderPageLeave
    Call LookAtFolder
    ${If} $R0 = 1
        MessageBox MB_YESNO|MB_ICONQUESTION "The folder $INSTDIR holds other files.$\r$\nInstall VGGscope in $INSTDIR\VGGscope?" IDYES +2
        Abort
        StrCpy $INSTDIR "$INSTDIR\VGGscope"
        Call LookAtFolder
        ${If} $R0 = 1
            Abort
        ${EndIf}
    ${EndIf}
FunctionEnd

Function OpenProgram
    ; By the desktop: a Setup with an administrator's rights must not hand them on.
    Exec '"$WINDIR\explorer.exe" "$INSTDIR\VGGscope.exe"'
FunctionEnd

; --- Setup: doing it ----------------------------------------------------------------------------

!macro Fail STATUS MESSAGE
    Call RemoveStaging
    !insertmacro Refuse ${STATUS} "${MESSAGE}"
!macroend

Function RemoveStaging
    SetOutPath "$TEMP"
    ${If} $Staging != ""
        RMDir /r "$Staging"
    ${EndIf}
FunctionEnd

Function .onInstFailed
    Call RemoveStaging
FunctionEnd

Section "VGGscope"
    SectionIn RO
    StrCpy $Staging "$INSTDIR.vggscope-new"
    StrCpy $Former "$INSTDIR.vggscope-old"
    Call WaitUntilClosed
    Call LookElsewhere
    ${If} $Elsewhere != ""
        ; What runs there could not be removed.
        StrCpy $R8 $INSTDIR
        StrCpy $INSTDIR $Elsewhere
        Call WaitUntilClosed
        StrCpy $INSTDIR $R8
    ${EndIf}
    Call FinishInterrupted
    RMDir /r "$Staging"
    ClearErrors
    CreateDirectory "$Staging"
    ${If} ${Errors}
        !insertmacro Fail 2 "Nothing can be written to $INSTDIR. Choose another folder."
    ${EndIf}
    Call LookAtSpace
    !insertmacro InstallFiles
    ClearErrors
    WriteUninstaller "$Staging\uninstall.exe"
    ${If} ${Errors}
        !insertmacro Fail 2 "uninstall.exe could not be written to $Staging."
    ${EndIf}
    ; A folder that is anybody's current one cannot be renamed.
    SetOutPath "$TEMP"
    Call TakePlace
    Call RemoveFormer
    Call RemoveElsewhere

    SetOutPath "$PROFILE"
    CreateDirectory "$SMPROGRAMS\VGGscope"
    CreateShortcut "$SMPROGRAMS\VGGscope\VGGscope.lnk" "$INSTDIR\VGGscope.exe"
    CreateShortcut "$SMPROGRAMS\VGGscope\VGGscope command line.lnk" "$SYSDIR\cmd.exe" '/k ""$INSTDIR\command-line.cmd""' "$INSTDIR\VGGscope.exe"
    SetOutPath "$TEMP"

    WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayName" "VGGscope"
    WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\VGGscope.exe"
    WriteRegStr SHCTX "${UNINSTALL_KEY}" "Publisher" "The VGGscope authors"
    WriteRegStr SHCTX "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr SHCTX "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr SHCTX "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "EstimatedSize" ${KILOBYTES}
    WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "NoModify" 1
    WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "NoRepair" 1
    WriteRegStr SHCTX "${APP_PATH_KEY}" "" "$INSTDIR\VGGscope.exe"
SectionEnd

Section /o "Icon on the desktop"
    CreateShortcut "$DESKTOP\VGGscope.lnk" "$INSTDIR\VGGscope.exe"
SectionEnd

Section "Open with, for pictures, videos and models"
    WriteRegStr SHCTX "${APPLICATION_KEY}" "FriendlyAppName" "VGGscope"
    WriteRegStr SHCTX "${APPLICATION_KEY}\shell\open\command" "" '"$INSTDIR\VGGscope.exe" "%1"'
    !insertmacro RegisterTypes
    ; SHCNE_ASSOCCHANGED
    System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
SectionEnd

; What an upgrade left that was cut off from power.
Function FinishInterrupted
    ${If} ${FileExists} "$Former\*.*"
        ${IfNot} ${FileExists} "$INSTDIR\*.*"
            Rename "$Former" "$INSTDIR"
        ${Else}
            Call RemoveFormer
        ${EndIf}
    ${EndIf}
FunctionEnd

Function LookAtSpace
    System::Call 'kernel32::GetDiskFreeSpaceExW(w "$Staging", *l .r1, *l .r2, *l .r3) i .r0'
    ${If} $0 <> 0
        System::Int64Op $1 / 1024
        Pop $1
        IntOp $2 ${KILOBYTES} + ${SPARE_KILOBYTES}
        System::Int64Op $1 < $2
        Pop $3
        ${If} $3 = 1
            IntOp $2 $2 / 1024
            !insertmacro Fail 7 "The disk is too full: VGGscope needs $2 MB in $INSTDIR. What is there was left as it is."
        ${EndIf}
    ${EndIf}
FunctionEnd

; The new version becomes the installed one, or everything stays as it was.
Function TakePlace
    RMDir "$INSTDIR"
    ${If} ${FileExists} "$INSTDIR\*.*"
        StrCpy $R4 "$INSTDIR"
        StrCpy $R5 "$Former"
        Call RenamePatiently
        ${If} ${Errors}
            !insertmacro Fail 3 "A program uses $INSTDIR. Close it and start Setup again; the old version was left as it is."
        ${EndIf}
    ${EndIf}
    StrCpy $R4 "$Staging"
    StrCpy $R5 "$INSTDIR"
    Call RenamePatiently
    ${If} ${Errors}
        Rename "$Former" "$INSTDIR"
        !insertmacro Fail 2 "$INSTDIR could not be written; the old version was left as it is."
    ${EndIf}
FunctionEnd

; Renames $R4 to $R5. Virus scanners hold on to new files for a moment.
Function RenamePatiently
    StrCpy $R6 0
    ${Do}
        ClearErrors
        Rename "$R4" "$R5"
        ${IfNot} ${Errors}
            Return
        ${EndIf}
        IntOp $R6 $R6 + 1
        Sleep 300
    ${LoopUntil} $R6 > 15
    SetErrors
FunctionEnd

; Its own uninstaller knows which files are its own. Others are kept, all in one folder of the new
; version, with those that are kept already.
Function RemoveFormer
    ${IfNot} ${FileExists} "$Former\*.*"
        Return
    ${EndIf}
    ${If} ${FileExists} "$Former\uninstall.exe"
        ExecWait '"$Former\uninstall.exe" /S /FILES _?=$Former'
        Delete "$Former\uninstall.exe"
    ${EndIf}
    RMDir "$Former"
    ${If} ${FileExists} "$Former\*.*"
        CreateDirectory "$INSTDIR\kept"
        StrCpy $R4 "$Former\kept"
        Call Keep
        StrCpy $R4 "$Former"
        Call Keep
    ${EndIf}
FunctionEnd

; Moves what is in the folder $R4, if there is one, to $INSTDIR\kept, and removes the folder. Where
; a name is taken there, it gets a number.
Function Keep
    FindFirst $0 $1 "$R4\*.*"
    ${DoWhile} $1 != ""
        ${If} $1 != "."
        ${AndIf} $1 != ".."
            ${GetBaseName} "$1" $2
            ${GetFileExt} "$1" $3
            ${If} $3 != ""
                StrCpy $3 ".$3"
            ${EndIf}
            StrCpy $4 1
            StrCpy $R5 "$INSTDIR\kept\$1"
            ${DoWhile} ${FileExists} "$R5"
                IntOp $4 $4 + 1
                StrCpy $R5 "$INSTDIR\kept\$2 ($4)$3"
            ${Loop}
            Rename "$R4\$1" "$R5"
        ${EndIf}
        FindNext $0 $1
    ${Loop}
    FindClose $0
    RMDir "$R4"
FunctionEnd

; Sets $Elsewhere.
Function LookElsewhere
    ReadRegStr $Elsewhere SHCTX "${UNINSTALL_KEY}" "InstallLocation"
    ${If} $Elsewhere == $INSTDIR
    ${OrIfNot} ${FileExists} "$Elsewhere\uninstall.exe"
        StrCpy $Elsewhere ""
    ${EndIf}
FunctionEnd

Function RemoveElsewhere
    ${If} $Elsewhere != ""
        ExecWait '"$Elsewhere\uninstall.exe" /S /FILES _?=$Elsewhere'
        Delete "$Elsewhere\uninstall.exe"
        RMDir "$Elsewhere"
    ${EndIf}
FunctionEnd

; --- Uninstalling -------------------------------------------------------------------------------

Function un.onInit
    SetRegView 64
    StrCpy $0 $INSTDIR 1 -1
    ${If} $0 == "\"
        StrCpy $INSTDIR $INSTDIR -1
    ${EndIf}
    ${GetParameters} $0
    StrCpy $FilesOnly 0
    StrCpy $KeepModels 0
    ClearErrors
    ${GetOptions} $0 "/FILES" $1
    ${IfNot} ${Errors}
        StrCpy $FilesOnly 1
        Return
    ${EndIf}
    ClearErrors
    ${GetOptions} $0 "/KEEPMODELS" $1
    ${IfNot} ${Errors}
        StrCpy $KeepModels 1
    ${EndIf}
    ReadRegStr $1 HKLM "${UNINSTALL_KEY}" "InstallLocation"
    ${If} $1 == $INSTDIR
        StrCpy $ForAll 1
        SetShellVarContext all
        Call un.LookWhetherAdministrator
        ${If} $R0 = 0
            ${If} ${Silent}
                SetErrorLevel 4
                Abort
            ${EndIf}
            ExecShell "runas" "$INSTDIR\uninstall.exe"
            Quit
        ${EndIf}
    ${Else}
        StrCpy $ForAll 0
        SetShellVarContext current
    ${EndIf}
FunctionEnd

Function un.KeepPage
    ${IfNot} ${FileExists} "$PROFILE\AppData\Local\vggscope\models\*.*"
        Abort
    ${EndIf}
    !insertmacro MUI_HEADER_TEXT "Your models" "Models that you downloaded, imported or made."
    nsDialogs::Create 1018
    Pop $Dialog
    ${NSD_CreateLabel} 0 0 100% 24u "Settings and logs of VGGscope are removed. Pictures and recordings that you saved are yours and stay."
    Pop $0
    ${NSD_CreateCheckbox} 0 34u 100% 12u "&Keep my models"
    Pop $KeepBox
    ${NSD_Check} $KeepBox
    nsDialogs::Show
FunctionEnd

Function un.KeepPageLeave
    ${NSD_GetState} $KeepBox $0
    ${If} $0 = ${BST_CHECKED}
        StrCpy $KeepModels 1
    ${Else}
        StrCpy $KeepModels 0
    ${EndIf}
FunctionEnd

Section "Uninstall"
    SetOutPath "$TEMP"
    ${If} $FilesOnly = 1
        !insertmacro RemoveFiles
        Return
    ${EndIf}
    Call un.WaitUntilClosed
    !insertmacro RemoveFiles
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
    ${If} $ForAll = 0
        ; Where Windows did not have it before. Only empty folders go in this way.
        RMDir "$LOCALAPPDATA\Programs"
    ${EndIf}
    Delete "$SMPROGRAMS\VGGscope\VGGscope.lnk"
    Delete "$SMPROGRAMS\VGGscope\VGGscope command line.lnk"
    RMDir "$SMPROGRAMS\VGGscope"
    Delete "$DESKTOP\VGGscope.lnk"
    DeleteRegKey SHCTX "${UNINSTALL_KEY}"
    DeleteRegKey SHCTX "${APP_PATH_KEY}"
    DeleteRegKey SHCTX "${APPLICATION_KEY}"
    !insertmacro UnregisterTypes
    System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
    Call un.RemoveUserData
SectionEnd

; Settings, logs and caches of this user, and the models unless they are to be kept.
Function un.RemoveUserData
    SetShellVarContext current
    StrCpy $0 "$LOCALAPPDATA\vggscope"
    ${If} $KeepModels = 0
        RMDir /r "$0"
        Return
    ${EndIf}
    FindFirst $1 $2 "$0\*.*"
    ${DoWhile} $2 != ""
        ${If} $2 != "."
        ${AndIf} $2 != ".."
        ${AndIf} $2 != "models"
            ${If} ${FileExists} "$0\$2\*.*"
                RMDir /r "$0\$2"
            ${Else}
                Delete "$0\$2"
            ${EndIf}
        ${EndIf}
        FindNext $1 $2
    ${Loop}
    FindClose $1
    RMDir "$0"
FunctionEnd
