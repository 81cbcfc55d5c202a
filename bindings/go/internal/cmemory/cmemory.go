// Package cmemory tells the tests how much memory C holds. The pages that the process holds do not tell it: those of the
// race detector's shadow come with each address that was ever used, and stay.
package cmemory

/*
#include <malloc.h>

static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
*/
import "C"

// InUse is the bytes that were allocated and not freed, in all threads' arenas and in mappings of their own.
func InUse() int64 { return int64(C.in_use()) }
