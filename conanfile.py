# SPDX-License-Identifier: MIT
from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout


class Duality(ConanFile):
    """The library and its C interface; the programs, which need libraries of others, are left out."""

    name = "duality"
    version = "0.1.0"
    license = "MIT"
    description = "Real-time traffic over connections that glitch"
    topics = ("real-time", "fec", "jitter-buffer", "multipath", "voip", "games")
    settings = "os", "arch", "compiler", "build_type"
    package_type = "library"
    exports_sources = "CMakeLists.txt", "cmake/*", "include/*", "src/*", "capi/*", "LICENSE"

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for option in ("EDGES", "TESTS", "BENCH", "GATES", "MASQUE"):
            toolchain.cache_variables[f"DUALITY_{option}"] = "OFF"
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        cmake = CMake(self)
        for component in ("core", "lab", "c", "runtime"):
            cmake.install(component=component)

    def package_info(self):
        # The package brings its own CMake files, which say all there is to say.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["lib/cmake/duality"]
