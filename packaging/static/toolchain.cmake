# SPDX-License-Identifier: Apache-2.0
# Static musl build against the sysroot of build-deps.sh:
#   cmake -G Ninja -DCMAKE_TOOLCHAIN_FILE=packaging/static/toolchain.cmake -DSLO_SYSROOT=<path> ...
# SLO_SYSROOT may come from the environment instead. CMAKE_SYSTEM_NAME stays unset where the binaries run here, so that ctest does.

if(NOT SLO_SYSROOT)
	set(SLO_SYSROOT "$ENV{SLO_SYSROOT}")
endif()
if(NOT EXISTS "${SLO_SYSROOT}/bin/musl-gcc")
	message(FATAL_ERROR "SLO_SYSROOT='${SLO_SYSROOT}' is no sysroot: give the path that packaging/static/build-deps.sh prints")
endif()
set(SLO_SYSROOT "${SLO_SYSROOT}" CACHE PATH "static musl sysroot")
set(ENV{SLO_SYSROOT} "${SLO_SYSROOT}") # for try_compile's projects, which read this file again
set(SLO_STATIC ON)

set(CMAKE_C_COMPILER "${SLO_SYSROOT}/bin/musl-gcc")
# A sysroot of another architecture names its cross compiler.
set(cross)
if(EXISTS "${SLO_SYSROOT}/cross")
	file(STRINGS "${SLO_SYSROOT}/cross" triplet)
	set(cross "${triplet}-")
	set(CMAKE_SYSTEM_NAME Linux)
	string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${triplet}")
	set(SLO_MULTIARCH_INCLUDE "/usr/${triplet}/include" CACHE PATH "")
endif()
# The plain ar and ranlib do not see the symbols of -flto objects; CMake does not take "musl-gcc" for a gcc.
foreach(tool AR RANLIB)
	string(TOLOWER "${cross}gcc-${tool}" name)
	find_program(CMAKE_C_COMPILER_${tool} ${name} REQUIRED)
	set(CMAKE_${tool} "${CMAKE_C_COMPILER_${tool}}" CACHE FILEPATH "")
endforeach()

# -idirafter: kernel headers that musl lacks. The maps keep the folders of this machine out of __FILE__ and DWARF. Nothing unwinds
# a stripped binary of C, so the tables for it (2 % of the file) are left out.
string(JOIN " " CMAKE_C_FLAGS_INIT
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
	"-ffile-prefix-map=${CMAKE_SOURCE_DIR}=." "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build"
	"-ffile-prefix-map=${SLO_SYSROOT}=sysroot"
	-idirafter "${SLO_SYSROOT}/uapi")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -Wl,--gc-sections,-z,relro,-z,now")

# Only the sysroot's libraries, headers and packages; programs (clang, bpftool) are the host's.
set(CMAKE_FIND_ROOT_PATH "${SLO_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} "${SLO_SYSROOT}/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "")
set(PKG_CONFIG_ARGN --static)
