/* How the public names are declared. Nothing here is an interface of its own.
 *
 * Every header of this folder is valid C99 and C++11 and compiles alone. With
 * -DFM_CDEF (for cffi and pycparser) the attributes vanish.
 */
#ifndef FACEMATCH_EXPORT_H
#define FACEMATCH_EXPORT_H

#if defined(FM_CDEF) || !defined(__GNUC__)
#define FM_API
#define FM_NODISCARD
#else
#define FM_API __attribute__((visibility("default")))
#define FM_NODISCARD __attribute__((warn_unused_result))
#endif

#endif
