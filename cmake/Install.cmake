# What is installed beside the program (tools/facematch): the library, its headers, and how pkg-config
# and find_package find them. Nothing of it names a folder: what is installed can be moved.
include(CMakePackageConfigHelpers)
set(FM_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/facematch)

set(FM_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
file(RELATIVE_PATH FM_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/pkgconfig/facematch.pc.in ${PROJECT_BINARY_DIR}/facematch.pc @ONLY)

# Before 1.0 a program is only served by the minor release that it was built for (docs/stability.md).
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatible SameMinorVersion)
else()
  set(compatible SameMajorVersion)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/facematch-config-version.cmake
                                 COMPATIBILITY ${compatible})
configure_file(${PROJECT_SOURCE_DIR}/cmake/facematch-config.cmake.in
               ${PROJECT_BINARY_DIR}/facematch-config.cmake @ONLY)

install(TARGETS facematch EXPORT facematch-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT dev)
install(EXPORT facematch-targets NAMESPACE facematch:: DESTINATION ${FM_CMAKE_FOLDER} COMPONENT dev)
install(FILES ${PROJECT_BINARY_DIR}/facematch-config.cmake
              ${PROJECT_BINARY_DIR}/facematch-config-version.cmake
        DESTINATION ${FM_CMAKE_FOLDER} COMPONENT dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/facematch DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT dev)
install(FILES ${PROJECT_BINARY_DIR}/facematch.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT dev)

# The Python tool that builds model files, where the program is.
if(FM_TOOLS)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/tools/models/facematch_models COMPONENT tools
          DESTINATION ${CMAKE_INSTALL_DATADIR}/facematch PATTERN __pycache__ EXCLUDE)
  install(FILES ${PROJECT_SOURCE_DIR}/tools/models/requirements.txt COMPONENT tools
          DESTINATION ${CMAKE_INSTALL_DATADIR}/facematch)
  install(PROGRAMS ${PROJECT_SOURCE_DIR}/tools/models/facematch-models COMPONENT tools
          DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/tools/models/facematch-models.1 COMPONENT tools
          DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
