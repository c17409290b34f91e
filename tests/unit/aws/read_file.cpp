#include <dynasession/aws/read_file.hpp>

#include "support/temporary_directory.hpp"

#include <boost/system/errc.hpp>
#include <doctest/doctest.h>

#include <string>

using dynasession::aws::read_file;
namespace errc = boost::system::errc;

TEST_CASE("a file is read to its last byte, up to the limit") {
    const test::temporary_directory directory;
    const std::string bytes("a\0\r\n\xff", 5);
    const auto file = directory.write("file", bytes);
    CHECK(read_file(file, 5).value() == bytes);
    CHECK(read_file(file, 4).error().code == errc::file_too_large);
    CHECK(read_file(directory.write("empty", ""), 0).value().empty());
}

TEST_CASE("a file that cannot be read is named, with the reason") {
    const test::temporary_directory directory;
    const auto absent = read_file(directory.path() + "/none", 10).error();
    CHECK(absent.code == errc::no_such_file_or_directory);
    CHECK(absent.detail == directory.path() + "/none cannot be read (No such file or directory)");
    CHECK(read_file(directory.path(), 10).error().code == errc::is_a_directory);
    CHECK(read_file(directory.write("file", "x") + "/below", 10).error().code == errc::not_a_directory);
}
