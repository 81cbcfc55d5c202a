# `cpack` in the build folder makes three Debian packages of what was built: the library, what is needed
# to compile against it, and the program. scripts/package.sh does it, and checks them.
set(FM_PACKAGE libfacematch${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(FM_MAINTAINER "libfacematch maintainers <maintainers@facematch.invalid>"
    CACHE STRING "Whom the packages name as their maintainer")
set(version ${PROJECT_VERSION}-1)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME facematch)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${FM_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_OUTPUT_FILE_PREFIX ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL library dev tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/finish.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/repack.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SOURCE facematch)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${FM_PACKAGE})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "library that verifies and identifies people by their faces
Answers two questions about a face in a photograph: is this the person they
claim to be, and who of the people I know is this, or nobody? One reference
photograph per person is enough.

It detects, aligns and embeds faces with networks that run in libtorch,
decides at a false match rate that the caller chooses, and keeps galleries of
people in files or on PostgreSQL. Nothing leaves the machine.

This package holds the library.")
file(WRITE ${PROJECT_BINARY_DIR}/debian/shlibs
     "libfacematch ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} ${FM_PACKAGE} (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/cmake/debian/triggers ${PROJECT_BINARY_DIR}/debian/shlibs)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libfacematch-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${FM_PACKAGE} (= ${version})")
set(CPACK_COMPONENT_DEV_DESCRIPTION "library that verifies and identifies people by their faces (development)
Answers two questions about a face in a photograph: is this the person they
claim to be, and who of the people I know is this, or nobody?

This package holds the headers for C and C++, and what pkg-config and CMake
need to find the library.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME facematch-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${FM_PACKAGE} (>= ${version})")
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS "python3, python3-numpy, python3-torch, python3-venv")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS npm)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "verify and identify people by their faces, on the command line
Answers two questions about a face in a photograph: is this the person they
claim to be, and who of the people I know is this, or nobody?

This package holds the program facematch, which detects, verifies, enrols and
identifies people, and measures models; and facematch-models, which builds
model files from published weights.")

# The day of the commit: the same source gives the same packages.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%cD
                OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT date)
  execute_process(COMMAND date -R OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
configure_file(cmake/debian/changelog.in ${PROJECT_BINARY_DIR}/debian/changelog @ONLY)

set(CPACK_FM_PACKAGES library:${FM_PACKAGE} dev:libfacematch-dev tools:facematch-tools)
set(CPACK_FM_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_FM_BINARY ${PROJECT_BINARY_DIR})
set(CPACK_FM_PROGRAM ${CMAKE_INSTALL_BINDIR}/facematch)
include(CPack)
