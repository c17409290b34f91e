#ifndef DYNASESSION_AWS_READ_FILE_HPP
#define DYNASESSION_AWS_READ_FILE_HPP

#include <dynasession/core/error.hpp>

#include <boost/system/error_code.hpp>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>

namespace dynasession::inline v0::aws {

/// The whole of a small file.
///
/// *Errors:* those of the system, and `file_too_large`, with the name of the file and the reason.
inline result<std::string> read_file(const std::string& name, std::size_t max_size) {
    const auto refuse = [&name](int number) {
        const error_code why(number, boost::system::system_category());
        return failure(why, name + " cannot be read (" + why.message() + ')');
    };
    errno = 0;
    std::error_code ignored;
    if (std::filesystem::is_directory(name, ignored)) return refuse(EISDIR);
    std::ifstream in(name, std::ios::binary);
    if (!in) return refuse(errno != 0 ? errno : EIO);

    std::string text(max_size + 1, '\0'); // one more than may be: a longer file is told from the longest
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) return refuse(EIO);
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > max_size) return refuse(EFBIG);
    return text;
}

} // namespace dynasession::inline v0::aws

#endif
