# Run by cpack over what it is about to pack: what Debian asks of a package and an installation by hand
# has no need of.
cmake_minimum_required(VERSION 3.19)

foreach(pair ${CPACK_FM_PACKAGES})
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  set(usr ${CPACK_TEMPORARY_DIRECTORY}/${component}/usr)
  set(doc ${usr}/share/doc/${package})
  file(COPY ${CPACK_FM_SOURCE}/cmake/debian/copyright DESTINATION ${doc})
  configure_file(${CPACK_FM_BINARY}/debian/changelog ${doc}/changelog.Debian COPYONLY)
  configure_file(${CPACK_FM_SOURCE}/CHANGELOG.md ${doc}/changelog COPYONLY)
  file(GLOB_RECURSE long ${doc}/changelog* ${usr}/share/man/*)
  foreach(file ${long})
    execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endforeach()

# In /usr the linker finds the library by itself.
set(program ${CPACK_TEMPORARY_DIRECTORY}/tools/usr/${CPACK_FM_PROGRAM})
file(RPATH_REMOVE FILE ${program})
