/* Windows 10 has this library and Qt 6.10 starts only with it; Wine 8 has none.
 *
 * Build-time only, like ucrtbase.c. Qt uses it for text encodings other than UTF and Latin 1, none of
 * which this program uses: no converter can be opened, so nothing else is ever called.
 */
#define NONE(name) __attribute__((dllexport)) void *name(void) { return 0; }

__attribute__((dllexport)) void *ucnv_open(const char *name, int *status)
{
    (void)name;
    *status = 16; /* U_UNSUPPORTED_ERROR */
    return 0;
}

NONE(ucnv_close) NONE(UCNV_FROM_U_CALLBACK_SUBSTITUTE) NONE(UCNV_TO_U_CALLBACK_SUBSTITUTE)
NONE(ucnv_reset) NONE(ucnv_getMaxCharSize) NONE(ucnv_getName) NONE(ucnv_getToUCallBack)
NONE(ucnv_getFromUCallBack) NONE(ucnv_setToUCallBack) NONE(ucnv_setFromUCallBack)
NONE(ucnv_cbToUWriteUChars) NONE(ucnv_toUnicode) NONE(ucnv_cbFromUWriteUChars)
NONE(ucnv_toUCountPending) NONE(ucnv_fromUCountPending) NONE(ucnv_getStandardName)
NONE(ucnv_getAvailableName) NONE(ucnv_countAvailable) NONE(ucnv_fromUnicode)
