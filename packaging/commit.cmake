# SPDX-License-Identifier: Apache-2.0
# Writes OUT: the commit of SOURCE as SLO_COMMIT, "-dirty" behind it where files differ; "" outside a repository.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=40 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  set(commit "")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define SLO_COMMIT \"@commit@\"\n" @ONLY)
