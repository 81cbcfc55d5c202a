package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

// BuildInfo is how the running library was built.
type BuildInfo struct {
	ABIVersion                                        int
	Version, Backend, BackendVersion, Compiler, GitID string
	BFloat16                                          bool // this machine can run in bfloat16
}

// Version is that of the running library.
func Version() string { return C.GoString(C.fm_version()) }

// Build tells how the running library was built.
func Build() (BuildInfo, error) {
	info, failure := C.fm_build_info{struct_size: C.sizeof_fm_build_info}, noError()
	if err := answer(C.fm_build_info_get(&info, &failure), &failure); err != nil {
		return BuildInfo{}, err
	}
	return BuildInfo{
		int(info.abi_version), C.GoString(info.version), C.GoString(info.backend), C.GoString(info.backend_version),
		C.GoString(info.compiler), C.GoString(info.git_id), info.bfloat16 != 0,
	}, nil
}
