# Every third-party package, all from Debian 12. docs/decisions/ says why each was chosen.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(libjpeg-turbo CONFIG REQUIRED)
find_package(GTest CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)

add_library(asio INTERFACE)
# ASIO_HAS_STD_ALIGNED_ALLOC: asio would find that out by itself only where a standard header comes before its own, so that
# some files would allocate with aligned_alloc what others release with delete.
target_compile_definitions(asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_HAS_STD_ALIGNED_ALLOC=1)
target_link_libraries(asio INTERFACE Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)
  # clang 14 has coroutines but does not say so in the way asio and libstdc++ ask.
  target_compile_definitions(asio INTERFACE __cpp_impl_coroutine=201902L ASIO_HAS_CO_AWAIT=1
                                            ASIO_HAS_STD_COROUTINE=1)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 takes the frames of asio's coroutines for freed by the wrong function when it optimises for the sanitizers.
  target_compile_options(asio INTERFACE -Wno-tsan -Wno-mismatched-new-delete)
endif()
