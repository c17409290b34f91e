// A web server with sessions, in memory or in DynamoDB: beast_server --help
//
// Here a store is made and a session_manager on top; shop.hpp uses them, server.hpp and pages.hpp know nothing of sessions.

#include "server.hpp"
#include "shop.hpp"

#include <dynasession/session_store.hpp>
#include <dynasession/web/session_manager.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace ds = dynasession;
namespace ssl = boost::asio::ssl;

namespace demo {
namespace {

struct options {
    std::string backend = "memory";
    std::string table_name = "sessions";
    std::string region;
    std::string endpoint_url;
    bool create_table = false;
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;
    std::string certificate;
    std::string private_key;
    int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
};

// How long open requests may take once the server is to stop. A call to DynamoDB gives up after 5 s.
constexpr std::chrono::seconds drain_limit{6};

std::unique_ptr<ssl::context> make_tls(const options& o) {
    if (o.certificate.empty()) return nullptr;
    auto tls = std::make_unique<ssl::context>(ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
    tls->use_certificate_chain_file(o.certificate);
    tls->use_private_key_file(o.private_key, ssl::context::pem);
    return tls;
}

// What operators hear. Neither has an id, or anything else that is secret, in it.
void log_event(ds::security_event e, std::string_view who) {
    std::cerr << "security: " + std::string(to_string(e)) + ' ' + std::string(who) + '\n';
}
void log_failure(const ds::error_code& ec) { std::cerr << "session store: " + ec.message() + '\n'; }

ds::session_manager_options web_options(bool tls) {
    ds::session_manager_options web;
    if (const char* text = std::getenv("SESSION_SECRET")) web.secrets = {ds::secret::parse(text)};
    if (!tls) web.transport = ds::cookie_options::plain_http();
    web.max_sessions_per_user = 20;
    web.on_event = log_event;
    web.on_failure = log_failure;
    return web;
}

// Serves until SIGTERM or SIGINT. The backend is all that differs.
template <class Backend>
void serve(const options& o, typename Backend::options_type where, std::string name) {
    asio::io_context context(o.threads);
    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](boost::system::error_code, int) { context.stop(); });

    using store_type = ds::basic_session_store<Backend, ds::pessimistic_lock, ds::json_serializer>;
    store_type store(context.get_executor(), std::move(where), {.revocation_marks = true});
    if constexpr (requires { store.backend().create_table(); })
        if (o.create_table) store.backend().create_table();

    const auto tls = make_tls(o);
    ds::session_manager web(store, web_options(tls != nullptr));
    shop pages(web, std::move(name));
    server listener(context, {asio::ip::make_address(o.address), o.port}, tls.get(),
                    [&pages](const request& r) { return pages.handle(r); });
    std::cout << "listening on " << (tls ? "https" : "http") << "://" << listener.endpoint() << std::endl;

    {
        std::vector<std::jthread> threads;
        for (int i = 1; i < o.threads; ++i) threads.emplace_back([&] { context.run(); });
        context.run();
    }
    // Stopped, and this is the only thread now: finish what is under way.
    listener.close();
    context.restart();
    context.run_for(drain_limit);
    if (!context.stopped()) std::quick_exit(EXIT_SUCCESS); // coroutines that still wait must not see us tidy up
}

} // namespace
} // namespace demo

int main(int argc, char** argv) {
    demo::options o;
    CLI::App app("A small shop that keeps its visitors' sessions with dynasession.");
    app.footer("SESSION_SECRET in the environment (openssl rand -base64 32) has the ids signed.");
    app.option_defaults()->always_capture_default();
    app.add_option("--backend", o.backend, "Where sessions are kept")->check(CLI::IsMember({"memory", "dynamodb"}));
    app.add_option("--table-name", o.table_name, "dynamodb: the table");
    app.add_option("--region", o.region, "dynamodb: the AWS region; else AWS_REGION");
    app.add_option("--endpoint-url", o.endpoint_url, "dynamodb: another endpoint than Amazon's, http://127.0.0.1:8000");
    app.add_flag("--create-table", o.create_table, "dynamodb: create the table if it is not there");
    app.add_option("--address", o.address, "Where to listen")->check(CLI::ValidIPV4 | CLI::IsMember({"::", "::1"}));
    app.add_option("--port", o.port, "The port; 0 is any that is free");
    auto* certificate = app.add_option("--certificate", o.certificate, "https: certificate chain, PEM");
    auto* private_key = app.add_option("--private-key", o.private_key, "https: private key, PEM");
    certificate->check(CLI::ExistingFile)->needs(private_key);
    private_key->check(CLI::ExistingFile)->needs(certificate);
    app.add_option("--threads", o.threads, "Threads that serve")->check(CLI::Range(1, 256));
    CLI11_PARSE(app, argc, argv);

    try {
        if (o.backend == "memory")
            demo::serve<ds::memory_backend>(o, {}, "the memory of this server");
        else
            demo::serve<ds::dynamodb_backend>(
                o, {.table_name = o.table_name, .region = o.region, .endpoint_url = o.endpoint_url},
                "the DynamoDB table " + o.table_name);
    } catch (const std::exception& e) {
        std::cerr << "beast_server: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
