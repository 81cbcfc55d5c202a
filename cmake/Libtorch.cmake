# Makes fm_libtorch: include folders, libraries and C++ standard of the libtorch to build on.
#
# Debian's is found in the system's folders; a newer one by CMAKE_PREFIX_PATH, which may name an
# unpacked libtorch or the torch folder of PyPI's wheel. The headers and the two libraries are looked
# for by name: libtorch's own CMake package asks for a CUDA toolkit where the wheel was built with one.

find_library(FM_TORCH_CPU_LIBRARY torch_cpu REQUIRED)
find_library(FM_C10_LIBRARY c10 REQUIRED)
find_path(FM_TORCH_INCLUDE torch/csrc/jit/serialization/import.h REQUIRED)

file(STRINGS ${FM_TORCH_INCLUDE}/torch/csrc/api/include/torch/version.h FM_TORCH_MAJOR_LINE
     REGEX "define TORCH_VERSION_MAJOR")
if(NOT FM_TORCH_MAJOR_LINE) # 2.9 and later
  file(STRINGS ${FM_TORCH_INCLUDE}/torch/headeronly/version.h FM_TORCH_MAJOR_LINE
       REGEX "define TORCH_VERSION_MAJOR")
endif()
string(REGEX REPLACE ".* ([0-9]+).*" "\\1" FM_TORCH_MAJOR "${FM_TORCH_MAJOR_LINE}")

add_library(fm_libtorch INTERFACE)
target_include_directories(fm_libtorch SYSTEM INTERFACE
  ${FM_TORCH_INCLUDE} ${FM_TORCH_INCLUDE}/torch/csrc/api/include)
target_link_libraries(fm_libtorch INTERFACE ${FM_TORCH_CPU_LIBRARY} ${FM_C10_LIBRARY})
# 1.13 does not compile as C++20, the newest not as C++17.
if(FM_TORCH_MAJOR EQUAL 1)
  target_compile_features(fm_libtorch INTERFACE cxx_std_17)
else()
  target_compile_features(fm_libtorch INTERFACE cxx_std_20)
endif()

# How many cores a call may use is set in OpenMP itself (see class Threads).
find_package(OpenMP REQUIRED COMPONENTS CXX)
separate_arguments(FM_OPENMP_FLAGS UNIX_COMMAND "${OpenMP_CXX_FLAGS}")
target_compile_options(fm_libtorch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${FM_OPENMP_FLAGS}>)
target_link_libraries(fm_libtorch INTERFACE ${OpenMP_CXX_LIBRARIES})

# oneDNN as libtorch 1.13 uses it (Debian: libideep-dev, libdnnl-dev): only the headers that belong to
# this libtorch will do, so nowhere else is looked. Without them fuse.cpp is left out.
if(FM_TORCH_MAJOR EQUAL 1)
  get_filename_component(FM_TORCH_LIBRARY_FOLDER ${FM_TORCH_CPU_LIBRARY} DIRECTORY)
  find_path(FM_IDEEP_INCLUDE ideep.hpp PATHS ${FM_TORCH_INCLUDE} NO_DEFAULT_PATH)
  find_library(FM_DNNL_LIBRARY dnnl PATHS ${FM_TORCH_LIBRARY_FOLDER} NO_DEFAULT_PATH)
  if(FM_IDEEP_INCLUDE AND FM_DNNL_LIBRARY)
    add_library(fm_onednn INTERFACE)
    target_include_directories(fm_onednn SYSTEM INTERFACE ${FM_IDEEP_INCLUDE})
    target_link_libraries(fm_onednn INTERFACE ${FM_DNNL_LIBRARY})
  endif()
endif()
