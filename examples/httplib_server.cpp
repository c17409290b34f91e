// Sessions in a server that dynasession knows nothing of, here cpp-httplib: all it takes is the function `with_session`.

#include <dynasession/session_store.hpp>
#include <dynasession/web/http_failure.hpp>
#include <dynasession/web/session_manager.hpp>

#include <httplib.h>

#include <iostream>
#include <string>

namespace ds = dynasession;

// Requests of one session wait for each other. On DynamoDB: ds::dynamodb_backend, and a table name for the store.
ds::basic_session_store<ds::memory_backend, ds::pessimistic_lock, ds::json_serializer> store;
ds::session_manager web{store, {.transport = ds::cookie_options::plain_http()}}; // with https leave that out

// Makes `handle(visit, request, response)` a handler of the server.
template <class Handle>
httplib::Server::Handler with_session(Handle handle) {
    return [handle](const httplib::Request& request, httplib::Response& response) {
        auto visit = web.open(request.get_header_value(std::string(web.request_field())));
        try {
            handle(visit, request, response);
            const auto add = [&](auto name, auto value) { response.set_header(std::string(name), std::string(value)); };
            visit.finish().apply(add, add);
        } catch (const ds::session_error& e) { // the browser keeps its cookie: the session may be back in a moment
            const auto failed = ds::http_failure::of(e.code());
            response = {};
            response.status = failed.status;
            response.set_content(std::string(failed.text), "text/plain");
        }
    };
}

int main() {
    httplib::Server server;
    server.Get("/", with_session([](auto& visit, auto&, auto& response) {
        const auto* s = visit.load(ds::read_only);
        response.set_content(s ? "hello " + std::string(s->user()) : "who are you?", "text/plain");
    }));
    server.Post("/login", with_session([](auto& visit, auto& request, auto&) {
        visit.start();
        visit.log_in(request.get_param_value("name")); // after a look at his password
    }));
    server.Post("/count", with_session([](auto& visit, auto&, auto& response) {
        auto& s = visit.start();
        const int n = s.template get<int>("n").value_or(0) + 1;
        s.set("n", n);
        response.set_content(std::to_string(n), "text/plain");
    }));
    server.Post("/logout", with_session([](auto& visit, auto&, auto&) { visit.log_out(); }));

    std::cout << "listening on http://127.0.0.1:" << server.bind_to_any_port("127.0.0.1") << std::endl;
    return server.listen_after_bind() ? 0 : 1;
}
