// A Crow server that counts the visits of who is logged in: crow_server [port]

#include <dynasession/memory_session_store.hpp>
#include <dynasession/web/crow.hpp>

#include <crow.h>

#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

namespace ds = dynasession;

namespace {

using store_type = ds::memory_session_store; // on DynamoDB: ds::dynamodb_session_store
using sessions = ds::crow_sessions<store_type>;
using server = crow::App<sessions>;

// {{...}} is escaped.
const auto page = crow::mustache::compile(R"html(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Visits</title>
<style>body { max-width: 30rem; margin: 3rem auto; padding: 0 1rem; font: 1.1rem/1.5 system-ui, sans-serif; }</style>
{{#message}}<p role="status">{{message}}</p>{{/message}}
{{#user}}
<h1>Hello {{user}}</h1>
<p>You have been here <output>{{visits}}</output> times.</p>
<form method="post" action="/logout"><button>Log out</button></form>
{{/user}}
{{^user}}
<h1>Who are you?</h1>
<form method="post" action="/login"><label>Name <input name="user" required maxlength="100"></label> <button>Log in</button></form>
{{/user}}
</html>
)html");

crow::response to_front_page() {
    crow::response r(crow::status::SEE_OTHER);
    r.set_header("Location", "/");
    return r;
}

crow::response show(server& app, const crow::request& r) {
    auto& s = sessions::of(app, r);
    crow::mustache::context shown;
    if (s.load()) { // visitors without a session are given none
        const int visits = s->get<int>("visits").value_or(0) + 1;
        s->set("visits", visits);
        shown["user"] = std::string(s->user());
        shown["visits"] = visits;
        shown["message"] = s.take_flash("message").value_or("");
    }
    return page.render(shown);
}

crow::response log_in(server& app, const crow::request& r) {
    const auto form = r.get_body_params();
    const char* user = form.get("user"); // a real server asks for a password here
    if (!user || !*user) return crow::response(crow::status::BAD_REQUEST, "Who are you?\n");
    auto& s = sessions::of(app, r);
    s.start();
    s.log_in(user, r.get_header_value("User-Agent")); // under a new id
    s.flash("message", "You are logged in.");
    return to_front_page();
}

crow::response log_out(server& app, const crow::request& r) {
    sessions::of(app, r).log_out();
    return to_front_page();
}

void serve(std::uint16_t port) {
    store_type store;
    // In production the key comes from outside, the same for all servers; and with TLS the usual cookie is stricter.
    ds::session_manager web(store, {.secrets = {ds::secret::generate()}, .transport = ds::cookie_options::plain_http()});
    server app{sessions{web}};

    using crow::HTTPMethod;
    CROW_ROUTE(app, "/")([&app](const crow::request& r) { return show(app, r); });
    CROW_ROUTE(app, "/login").methods(HTTPMethod::Post)([&app](const crow::request& r) { return log_in(app, r); });
    CROW_ROUTE(app, "/logout").methods(HTTPMethod::Post)([&app](const crow::request& r) { return log_out(app, r); });

    app.bindaddr("127.0.0.1").port(port).multithreaded().run();
}

} // namespace

int main(int argc, char** argv) {
    try {
        serve(argc > 1 ? static_cast<std::uint16_t>(std::stoul(argv[1])) : std::uint16_t{8080});
    } catch (const std::exception& e) {
        std::cerr << "crow_server: " << e.what() << '\n';
        return 1;
    }
}
