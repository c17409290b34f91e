#ifndef DYNASESSION_TESTS_SUPPORT_TEMPORARY_DIRECTORY_HPP
#define DYNASESSION_TESTS_SUPPORT_TEMPORARY_DIRECTORY_HPP

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace test {

/// An empty directory of a test's own, removed with all that is in it.
class temporary_directory {
public:
    temporary_directory() : path_((std::filesystem::temp_directory_path() / "dynasession-XXXXXX").string()) {
        if (!mkdtemp(path_.data())) throw std::runtime_error("temporary directory");
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const noexcept { return path_; }

    /// Writes a file, and the directories on the way to it; the answer is its path.
    std::string write(std::string_view name, std::string_view text) const {
        const auto file = std::filesystem::path(path_) / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file.string();
    }

private:
    std::string path_;
};

} // namespace test

#endif
