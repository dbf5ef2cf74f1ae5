/* The functions of Microsoft's C runtime that Wine 8 has no code for and that NumPy and HDF5 call.
 *
 * Build-time only: a DLL made of this stands before Wine's own ucrtbase.dll in the Wine that freezes
 * and tries the program (wine.py); everything else it forwards. Nothing of it gets into a bundle.
 * Microsoft's "long double" is a double, hence the ...l functions.
 */
#include <complex.h>
#include <stdlib.h>
#include <xmmintrin.h>

/* MSVC's complex numbers are structures; GCC passes its own in the same way. */
typedef float complex fc;
typedef double complex dc;

#define FLOAT1(name) __attribute__((dllexport)) fc shim_##name##f(fc z) { return name##f(z); }
#define DOUBLE1(name) __attribute__((dllexport)) dc shim_##name(dc z) { return name(z); }
#define LONG1(name) __attribute__((dllexport)) dc shim_##name##l(dc z) { return name(z); }
#define ALL(name) FLOAT1(name) DOUBLE1(name) LONG1(name)
#define REAL(name) \
    __attribute__((dllexport)) float shim_##name##f(fc z) { return name##f(z); } \
    __attribute__((dllexport)) double shim_##name(dc z) { return name(z); } \
    __attribute__((dllexport)) double shim_##name##l(dc z) { return name(z); }

ALL(cacos) ALL(cacosh) ALL(casin) ALL(casinh) ALL(catan) ALL(catanh) ALL(ccos) ALL(ccosh) ALL(cexp)
ALL(clog) ALL(conj) ALL(cproj) ALL(csin) ALL(csinh) ALL(csqrt) ALL(ctan) ALL(ctanh)
REAL(cabs) REAL(carg) REAL(cimag) REAL(creal)

__attribute__((dllexport)) fc shim_cpowf(fc z, fc power) { return cpowf(z, power); }
__attribute__((dllexport)) dc shim_cpow(dc z, dc power) { return cpow(z, power); }
__attribute__((dllexport)) dc shim_cpowl(dc z, dc power) { return cpow(z, power); }
__attribute__((dllexport)) fc shim__FCbuild(float re, float im) { return __builtin_complex(re, im); }
__attribute__((dllexport)) dc shim__LCbuild(double re, double im) { return __builtin_complex(re, im); }
__attribute__((dllexport)) void shim__invoke_watson(void) { abort(); }

struct environment { unsigned long control, status; };
extern int fegetenv(struct environment *);

__attribute__((dllexport)) int shim_feholdexcept(struct environment *saved)
{
    fegetenv(saved);
    /* All exceptions masked, none raised. */
    _mm_setcsr((_mm_getcsr() | 0x1f80) & ~0x3fu);
    return 0;
}
