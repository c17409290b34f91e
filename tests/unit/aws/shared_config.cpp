#include <dynasession/aws/shared_config.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <doctest/doctest.h>

#include "support/temporary_directory.hpp"
#include "unit/aws/configured.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace aws = dynasession::aws;
using dynasession::error;
using test::configured;
using test::made_of;
using test::variables;

namespace {

std::string value(const aws::profile_property* p) { return p ? p->value : "(none)"; }

// A home with both files.
struct home {
    test::temporary_directory directory;
    std::string config =
        directory.write(".aws/config", "[default]\nregion = r-default\n[profile dev]\nregion = r-dev\n");
    std::string credentials = directory.write(".aws/credentials", "[default]\naws_access_key_id = id-default\n");

    aws::shared_config load(variables values, std::string_view profile = {}) const {
        values.try_emplace("HOME", directory.path());
        return aws::shared_config::load(profile, made_of(values)).value();
    }
    std::string refusal(variables values, std::string_view profile = {}) const {
        values.try_emplace("HOME", directory.path());
        const auto loaded = aws::shared_config::load(profile, made_of(values));
        REQUIRE(loaded.has_error());
        CHECK(loaded.error() == error::invalid_option);
        return loaded.error().detail;
    }
};

std::string no_profile(std::string_view config, std::string_view credentials, std::string_view given,
                       const variables& values = {}) {
    const auto made = configured(config, credentials, given, values);
    REQUIRE(made.has_error());
    CHECK(made.error() == error::invalid_option);
    return made.error().detail;
}

// Whether `check` holds for a user without rights.
template <class Check>
bool holds_for_nobody(Check check) {
    const auto child = fork();
    if (child == 0) {
        const bool is_nobody = getuid() != 0 || setuid(65534) == 0;
        _exit(is_nobody && check() ? 0 : 1);
    }
    int status = -1;
    return waitpid(child, &status, 0) == child && status == 0;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

} // namespace

TEST_CASE("the files are below HOME") {
    const home h;
    const auto config = h.load({});
    CHECK(config.profile() == "default");
    CHECK(value(config.find("region")) == "r-default");
    CHECK(value(config.find("aws_access_key_id")) == "id-default");
    CHECK(config.find("region")->source == h.config + ":2");
    CHECK(config.config_file().name() == h.config);
    CHECK(config.credentials_file().name() == h.credentials);
}

TEST_CASE("variables name other files, whole or from HOME on") {
    const home h;
    h.directory.write("c", "[default]\nregion = r-other\n");
    const auto other = h.directory.write("d", "[default]\naws_access_key_id = id-other\n");
    const auto config = h.load({{"AWS_CONFIG_FILE", "~/c"}, {"AWS_SHARED_CREDENTIALS_FILE", " " + other + "\n"}});
    CHECK(value(config.find("region")) == "r-other");
    CHECK(value(config.find("aws_access_key_id")) == "id-other");
    CHECK(value(h.load({{"AWS_CONFIG_FILE", " "}}).find("region")) == "r-default");
    CHECK(value(h.load({{"AWS_CONFIG_FILE", "/dev/null"}}).find("region")) == "(none)");
}

TEST_CASE("files that nobody named may be absent, and HOME too") {
    const test::temporary_directory empty;
    const auto config = aws::shared_config::load({}, made_of({{"HOME", empty.path()}})).value();
    CHECK(config.find("region") == nullptr);
    CHECK(config.profile() == "default");
    CHECK_FALSE(config.has_profile("default"));
    CHECK(aws::shared_config::load({}, made_of({})).value().find("region") == nullptr);
    CHECK(aws::shared_config().find("region") == nullptr);
}

TEST_CASE("a named file that is absent is refused by the name of its variable") {
    const home h;
    for (const std::string name : {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}) {
        CHECK(h.refusal({{name, "~/absent"}}).starts_with(name + ": " + h.directory.path() + "/absent does not exist"));
        const auto needs_home = aws::shared_config::load({}, made_of({{name, "~/c"}}));
        REQUIRE(needs_home.has_error());
        CHECK(needs_home.error().detail.starts_with(name + ": ~/c needs HOME"));
    }
}

TEST_CASE("a file that cannot be read is refused, named or not") {
    const test::temporary_directory t;
    std::filesystem::create_directories(t.path() + "/.aws/config");
    const auto at_home = aws::shared_config::load({}, made_of({{"HOME", t.path()}}));
    REQUIRE(at_home.has_error());
    CHECK(at_home.error() == error::invalid_option);
    CHECK(at_home.error().detail.starts_with(t.path() + "/.aws/config cannot be read (a directory)"));
    CHECK(has(at_home.error().detail, "AWS_CONFIG_FILE"));

    const home h;
    CHECK(h.refusal({{"AWS_SHARED_CREDENTIALS_FILE", "~"}}).starts_with("AWS_SHARED_CREDENTIALS_FILE: "));
    std::filesystem::create_symlink("circle", h.directory.path() + "/circle");
    CHECK(has(h.refusal({{"AWS_CONFIG_FILE", "~/circle"}}), "/circle cannot be read ("));

    // What open() refuses to everybody, and what read() does.
    boost::asio::io_context context;
    const auto socket = h.directory.path() + "/socket";
    const boost::asio::local::stream_protocol::acceptor acceptor(context, socket);
    CHECK(has(h.refusal({{"AWS_CONFIG_FILE", socket}}), "/socket cannot be read (No such device or address)"));
    CHECK(has(h.refusal({{"AWS_CONFIG_FILE", "/proc/self/mem"}}), "/proc/self/mem cannot be read (input error)"));
}

TEST_CASE("permissions: a file that may not be read is refused, a home that may not be entered has no files") {
    using std::filesystem::perms;
    const home h;
    const auto& path = h.directory.path();
    for (const auto& open : {path, path + "/.aws", h.config, h.credentials})
        std::filesystem::permissions(open, perms(0755));
    const auto loaded = [&](variables values) {
        values.try_emplace("HOME", path);
        return aws::shared_config::load({}, made_of(values));
    };
    CHECK(holds_for_nobody([&] { return loaded({}).has_value() && loaded({}).value().has_profile("default"); }));

    std::filesystem::permissions(h.config, perms::none);
    const auto refused = h.config + " cannot be read (Permission denied)";
    CHECK(holds_for_nobody([&] { return loaded({}).has_error() && loaded({}).error().detail.starts_with(refused); }));

    std::filesystem::permissions(path, perms::none);
    CHECK(holds_for_nobody([&] { return loaded({}).has_value() && !loaded({}).value().has_profile("default"); }));
    CHECK(holds_for_nobody([&] {
        const auto named = loaded({{"AWS_CONFIG_FILE", h.config}});
        return named.has_error() && named.error().detail.starts_with("AWS_CONFIG_FILE: " + refused);
    }));
    std::filesystem::permissions(path, perms::owner_all);
}

TEST_CASE("a file that is no profile file is refused by file and line, not passed over") {
    const home h;
    h.directory.write(".aws/credentials", "[default]\nnonsense\n");
    CHECK(h.refusal({}).starts_with(h.credentials + ":2: "));
    CHECK(value(h.load({{"AWS_SHARED_CREDENTIALS_FILE", "/dev/null"}}).find("region")) == "r-default");
    h.directory.write(".aws/config", std::string(aws::profile_file::max_size + 1, '\n'));
    CHECK(h.refusal({{"AWS_SHARED_CREDENTIALS_FILE", "/dev/null"}}).starts_with(h.config + ": larger than 1 MiB"));
    h.directory.write(".aws/config", std::string(aws::profile_file::max_size, '\n'));
    CHECK(h.load({{"AWS_SHARED_CREDENTIALS_FILE", "/dev/null"}}).find("region") == nullptr);
}

TEST_CASE("what was read stays, whatever becomes of the files, and copies share it") {
    const home h;
    const auto config = h.load({});
    const auto copy = config;
    h.directory.write(".aws/config", "[default]\nregion = r-later\n");
    CHECK(value(config.find("region")) == "r-default");
    CHECK(copy.find("region") == config.find("region"));
}

TEST_CASE("the profile is the given one, else AWS_PROFILE, else AWS_DEFAULT_PROFILE, else default") {
    const auto* const files = "[default]\nx = 0\n[profile a]\nx = 1\n[profile b]\nx = 2\n[profile c]\nx = 3";
    const auto used = [&](std::string_view given, const variables& values) {
        const auto config = configured(files, {}, given, values).value();
        CHECK(config.is_profile_given() == !given.empty());
        return config.profile() + value(config.find("x"));
    };
    const variables both{{"AWS_PROFILE", "b"}, {"AWS_DEFAULT_PROFILE", "c"}};
    CHECK(used("a", both) == "a1");
    CHECK(used("", both) == "b2");
    CHECK(used("", {{"AWS_PROFILE", " "}, {"AWS_DEFAULT_PROFILE", "c"}}) == "c3");
    CHECK(used("", {}) == "default0");
}

TEST_CASE("a profile that is asked for has to be in one of the files") {
    CHECK(configured("", "[dev]\n", "dev").has_value());
    CHECK(configured("[profile dev]", "", "dev").has_value());
    CHECK(no_profile("", "", "dev") ==
          "option profile: there is no profile dev in config nor in credentials: name another one, or add it");
    CHECK(no_profile("", "", "", {{"AWS_PROFILE", "dev"}}).starts_with("AWS_PROFILE: there is no profile dev in "));
    CHECK(no_profile("", "", "", {{"AWS_DEFAULT_PROFILE", "dev"}}).starts_with("AWS_DEFAULT_PROFILE: "));
    CHECK(no_profile("", "", "default").starts_with("option profile: "));
    CHECK(no_profile("[profile dev]", "", "Dev").starts_with("option profile: "));
}

TEST_CASE("a section that was meant is pointed at") {
    CHECK(has(no_profile("[default]\n[dev]", "", "dev"), "; config:2: this section is not read"));
    CHECK(has(no_profile("[dev]", "", "dev"), "written [profile NAME] with"));
    const auto in_credentials = no_profile("", "[profile dev]", "dev");
    CHECK(has(in_credentials, "; credentials:1: this section is not read"));
    CHECK(has(in_credentials, "written [NAME] with"));
    CHECK(has(no_profile("[profile my dev]", "", "my dev"), "config:1: "));
}

TEST_CASE("of the two files, credentials go first, property by property") {
    const auto config = configured("[default]\na = 1\nb = 2\n[profile dev]\nc = 5", "[default]\nb = 3\nc = 4").value();
    CHECK(value(config.find("a")) == "1");
    CHECK(value(config.find("b")) == "3");
    CHECK(config.find("b")->source == "credentials:2");
    CHECK(value(config.find("c")) == "4");
    CHECK(value(config.find("dev", "c")) == "5");
    CHECK(config.find("dev", "a") == nullptr);
    CHECK(value(config.config_file().find("default", "b")) == "2");
    CHECK(value(config.credentials_file().find("default", "b")) == "3");
    CHECK(config.has_profile("dev"));
    CHECK_FALSE(config.has_profile("c"));
}

TEST_CASE("a profile without a prefix in the credentials file is merged with the one of the config file") {
    const auto config = configured("[default]\na = 0\n[profile default]\na = 1", "[default]\nb = 2").value();
    CHECK(value(config.find("a")) == "1");
    CHECK(value(config.find("b")) == "2");
}

TEST_CASE("properties of an sso-session") {
    const auto config = configured("[sso-session corp]\nsso_region = r\n").value();
    CHECK(value(config.find_sso_session("corp", "sso_region")) == "r");
    CHECK(config.find_sso_session("corp", "x") == nullptr);
    CHECK(config.find_sso_session("other", "sso_region") == nullptr);
}

TEST_CASE("a services section counts for the profile that names it") {
    const std::string section = "[services s]\ndynamodb =\n endpoint_url = u\nsts =\n";
    const auto said = [&](const std::string& profile, std::string_view service = "dynamodb") {
        return value(configured(profile + section).value().find_in_services(service, "endpoint_url").value());
    };
    CHECK(said("[default]\nservices = s\n") == "u");
    CHECK(said("[default]\nservices =\n") == "(none)");
    CHECK(said("[default]\n") == "(none)");
    CHECK(said("") == "(none)");
    CHECK(said("[default]\nservices = s\n", "sts") == "(none)");
    CHECK(said("[default]\nservices = s\n", "s3") == "(none)");
}

TEST_CASE("a services section that is absent, or out of form, is refused by file and line") {
    const auto refusal = [](std::string_view text) {
        const auto made = configured(text).value();
        const auto r = made.find_in_services("dynamodb", "endpoint_url");
        REQUIRE(r.has_error());
        CHECK(r.error() == error::invalid_option);
        return r.error().detail;
    };
    CHECK(refusal("[default]\nservices = s") ==
          "config:2: services: there is no section [services s] in config: add it");
    CHECK(refusal("[default]\nservices = s\n[services s]\ndynamodb = http://localhost")
              .starts_with("config:4: dynamodb: write endpoint_url = ... in an indented line below"));
}
