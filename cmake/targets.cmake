# gatelog_library(name SOURCES ... DEPS ...)   a library per folder; its headers are included as "folder/file.h"
# gatelog_test(name SOURCES ... DEPS ...)      a GoogleTest binary, one ctest entry
# gatelog_program(name SOURCES ... DEPS ...)   a program in build/<preset>/bin

set(GATELOG_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast
                     -Woverloaded-virtual)
# What an optimiser suspects differs from one compiler to the next and is often false, so it does not stop a release build.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  list(APPEND GATELOG_WARNINGS -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND GATELOG_WARNINGS -Wthread-safety)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # With optimisation, g++ 12 sees overlaps in every "text" + std::string (GCC bug 105651), and strings that nobody set in
  # designated initialisers. clang looks for both without inventing them.
  list(APPEND GATELOG_WARNINGS -Wno-restrict -Wno-maybe-uninitialized -Wno-uninitialized)
  # Once the standard library is precompiled it suspects that, too.
  list(APPEND GATELOG_WARNINGS -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # KiB that g++ fills before it first looks for garbage: most files never get there.
  add_compile_options(--param=ggc-min-heapsize=524288)
endif()

# The headers that most files read, parsed once (docs/decisions/022). g++ takes a precompiled header only with the flags and
# definitions that it was made with; it warns where it has to do without.
add_compile_options(-pthread)
function(gatelog_precompiled name)
  cmake_parse_arguments(ARG "" "HEADER" "DEPS" ${ARGN})
  add_library(${name} OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled/nothing.cc)
  target_compile_options(${name} PRIVATE ${GATELOG_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled/${ARG_HEADER})
endfunction()
gatelog_precompiled(precompiled_standard HEADER standard.h
  DEPS absl::any_invocable absl::function_ref absl::status absl::statusor absl::strings absl::str_format absl::time)
gatelog_precompiled(precompiled_test HEADER test.h DEPS absl::any_invocable absl::function_ref absl::status absl::statusor
  absl::strings absl::str_format absl::time GTest::gmock)

function(gatelog_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${name} PRIVATE ${GATELOG_WARNINGS})
  target_precompile_headers(${name} REUSE_FROM precompiled_standard)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
endfunction()

function(gatelog_program name)
  cmake_parse_arguments(ARG "" "PRECOMPILED" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_PRECOMPILED)
    set(ARG_PRECOMPILED precompiled_standard)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${GATELOG_WARNINGS})
  target_precompile_headers(${name} REUSE_FROM ${ARG_PRECOMPILED})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# Every test binary of C++: what a sanitizer run builds.
add_custom_target(cpp_tests)
# What sanitizers need to know; other builds ignore it.
set(GATELOG_TEST_ENVIRONMENT
    "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/lsan.supp"
    "TSAN_OPTIONS=ignore_noninstrumented_modules=1:suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")

function(gatelog_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  gatelog_program(${name} PRECOMPILED precompiled_test SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS} GTest::gtest_main GTest::gmock)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS unit ENVIRONMENT "${GATELOG_TEST_ENVIRONMENT}")
  add_dependencies(cpp_tests ${name})
endfunction()
