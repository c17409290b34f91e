#include "pages.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <initializer_list>
#include <utility>

namespace demo::pages {
namespace {

constexpr std::string_view style = R"css(
:root { color-scheme: light dark; --page: #f3f5f4; --card: #fff; --text: #1c2b2a; --soft: #566866; --line: #dbe2e0;
  --accent: #0b6b5f; --on-accent: #fff; --alarm: #a3261d; }
@media (prefers-color-scheme: dark) { :root { --page: #121918; --card: #1b2524; --text: #e6eeec; --soft: #a0b3b0;
  --line: #32413f; --accent: #5fd0bd; --on-accent: #06231f; --alarm: #ff9d94; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 1.0625rem/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 40rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .25rem 1rem;
  min-height: 4.5rem; padding-block: .75rem; }
nav { display: flex; align-items: center; gap: 1.25rem; }
nav a { padding: .625rem 0; text-decoration: none; } nav a:hover { text-decoration: underline; }
nav a[aria-current] { color: var(--text); font-weight: 600; }
.notice { margin: 0 0 1.25rem; padding: .75rem 1.5rem; border-radius: 1rem; background: var(--accent);
  color: var(--on-accent); font-weight: 600; }
.brand { font-weight: 700; letter-spacing: -.01em; }
.brand::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .5em; border-radius: 50%;
  background: var(--accent); }
section { margin: 0 0 1.25rem; padding: 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem; }
h1, h2 { margin: 0 0 .25rem; line-height: 1.2; letter-spacing: -.02em; overflow-wrap: anywhere; }
h1 { font-size: 1.875rem; } h2 { font-size: 1.25rem; }
p { margin: 0 0 1rem; } p:last-child { margin-bottom: 0; }
a { color: var(--accent); } .soft, footer { color: var(--soft); } .alarm { color: var(--alarm); font-weight: 600; }
label { display: block; margin-bottom: .375rem; font-weight: 600; }
input, button { font: inherit; border-radius: .625rem; min-height: 2.75rem; }
input { width: 100%; padding: .5rem .875rem; border: 1px solid var(--soft); background: var(--page);
  color: inherit; }
button { padding: .5rem 1.25rem; border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent);
  font-weight: 600; cursor: pointer; }
button:hover:enabled { filter: brightness(1.12); }
button:disabled { opacity: .35; cursor: default; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.quiet { background: none; color: var(--accent); }
.log-in { display: flex; gap: .75rem; } .log-in input { flex: 1; min-width: 0; }
.counter { display: flex; align-items: center; justify-content: space-between; gap: 1rem; margin-top: 1.25rem; }
output { font-size: 3rem; font-weight: 700; line-height: 1; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem 0; border-bottom: 1px solid var(--line); text-align: left; font-weight: 400; }
thead th { color: var(--soft); font-size: .875rem; }
tfoot th, tfoot td { border: 0; padding: 1rem 0 0; font-weight: 700; }
.amount { text-align: center; white-space: nowrap; width: 9.5rem; }
.amount button { width: 2.75rem; padding: 0; } .amount span { display: inline-block; min-width: 2.5rem; }
.price { text-align: right; white-space: nowrap; }
.devices { list-style: none; margin: 1rem 0 0; padding: 0; }
.devices li { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: .875rem 0;
  border-top: 1px solid var(--line); }
.devices p { margin: 0; } .devices button { flex: none; } .devices .soft { font-size: .9375rem; }
.here { padding: .125rem .625rem; border-radius: 1rem; background: var(--accent); color: var(--on-accent);
  font-size: .8125rem; font-weight: 600; white-space: nowrap; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .375rem 1.5rem; margin: .75rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
footer { padding-bottom: 2rem; font-size: .9375rem; text-align: center; text-wrap: balance; }
@media (max-width: 26rem) { nav { width: 100%; justify-content: space-between; } section { padding: 1.25rem; } .amount { width: 8.25rem; }
  .amount span { min-width: 2rem; } dl { grid-template-columns: 1fr; gap: 0; } dt { margin-top: .5rem; }
  dd { text-align: left; } }
)css";

// Chromium may keep a page for the back button in spite of Cache-Control: no-store. It is kept blank, and loaded anew.
constexpr std::string_view script = R"js(
addEventListener("pagehide", () => { document.body.hidden = true; });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
)js";

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        default: out += c;
        }
    }
    return out;
}

using values = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// The text with every {name} replaced by its value, escaped.
std::string fill(std::string_view text, values known) {
    std::string out;
    while (!text.empty()) {
        const std::size_t open = std::min(text.find('{'), text.size());
        out += text.substr(0, open);
        text.remove_prefix(open);
        if (text.empty()) break;
        const std::size_t close = text.find('}');
        const auto name = text.substr(1, close - 1);
        for (const auto& [key, value] : known)
            if (key == name) out += escaped(value);
        text.remove_prefix(close + 1);
    }
    return out;
}

std::string token_field(const frame& f) {
    return fill("<input type=\"hidden\" name=\"token\" value=\"{token}\">\n", {{"token", f.token}});
}

// The way about the pages, for who is logged in.
std::string navigation(const frame& f, std::string_view title) {
    std::string out = "<nav aria-label=\"Pages\">";
    for (const auto& [target, name] : {std::pair("/", "Shop"), std::pair("/devices", "Your devices")})
        out += fill(name == title ? "<a href=\"{target}\" aria-current=\"page\">{name}</a>"
                                  : "<a href=\"{target}\">{name}</a>",
                    {{"target", target}, {"name", name}});
    return out + "<form method=\"post\" action=\"/logout\">" + token_field(f) +
           "<button class=\"quiet\" id=\"log-out\">Log out</button></form></nav>";
}

std::string page(const frame& f, std::string_view title, std::string_view content) {
    std::string out = fill(R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · dynasession demo</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E
%3Ccircle cx='4' cy='4' r='4' fill='%230b6b5f'/%3E%3C/svg%3E">
<style>)html",
                           {{"title", title}});
    out += style;
    out += "</style>\n<script>";
    out += script;
    out += "</script>\n</head>\n<body>\n<header><span class=\"brand\">dynasession demo</span>";
    if (!f.token.empty()) out += navigation(f, title);
    out += "</header>\n<main>\n";
    if (!f.notice.empty()) out += fill("<p class=\"notice\" role=\"status\">{notice}</p>\n", {{"notice", f.notice}});
    out += content;
    return out + fill("</main>\n<footer>Sessions are kept in {backend}.</footer>\n</body>\n</html>\n",
                      {{"backend", f.backend}});
}

std::string euros(std::int64_t cents) {
    const std::string rest = std::to_string(cents % 100);
    return "€\u00a0" + std::to_string(cents / 100) + '.' + (rest.size() < 2 ? "0" : "") + rest;
}

std::string moment(std::chrono::sys_seconds t) {
    const std::time_t seconds = t.time_since_epoch().count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> machine{}, human{};
    std::strftime(machine.data(), machine.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    std::strftime(human.data(), human.size(), "%e %b %Y, %H:%M UTC", &parts);
    return fill("<time datetime=\"{machine}\">{human}</time>", {{"machine", machine.data()}, {"human", human.data()}});
}

// One form holds all of the table; each button says where it goes.
std::string cart(const frame& f, const shelf& s) {
    std::string out = R"html(<section id="cart" aria-labelledby="cart-title">
<h2 id="cart-title">Your cart</h2>
)html";
    if (!s.cart_notice.empty())
        out += fill("<p class=\"soft\" role=\"status\" id=\"cart-notice\">{notice}</p>\n", {{"notice", s.cart_notice}});
    out += "<form method=\"post\">\n" + token_field(f) + R"html(<table>
<thead><tr><th scope="col">Item</th><th scope="col" class="amount">Amount</th>
<th scope="col" class="price">Price</th></tr></thead>
<tbody>
)html";
    std::int64_t total = 0;
    for (std::size_t i = 0; i < catalogue.size(); ++i) {
        const auto& [key, name, cents] = catalogue[i];
        const std::int64_t amount = s.amounts[i];
        total += amount * cents;
        out += fill(R"html(<tr><th scope="row">{name}</th><td class="amount">)html", {{"name", name}});
        out += amount > 0 ? "<button class=\"quiet\" " : "<button class=\"quiet\" disabled ";
        out += fill(
            R"html(formaction="/cart/remove" name="item" value="{key}" aria-label="Remove one {name}">−</button>)html"
            R"html(<span>{amount}</span><button class="quiet" formaction="/cart/add" name="item" value="{key}" )html"
            R"html(aria-label="Add one {name}">+</button></td><td class="price">{price}</td></tr>)html"
            "\n",
            {{"key", key}, {"name", name}, {"amount", std::to_string(amount)}, {"price", euros(cents)}});
    }
    return out + fill(R"html(</tbody>
<tfoot><tr><th scope="row" colspan="2">Total</th><td class="price" id="total">{total}</td></tr></tfoot>
</table>
</form>
</section>
)html",
                      {{"total", euros(total)}});
}

std::string facts(const shelf& s) {
    std::string out = "<section aria-labelledby=\"session-title\">\n<h2 id=\"session-title\">Your session</h2>\n<dl>\n";
    out += "<dt>Started</dt><dd id=\"created\">" + moment(s.created) + "</dd>\n";
    out += "<dt>Expires if it is not used</dt><dd id=\"expires\">" + moment(s.expires) + "</dd>\n";
    if (s.deadline != std::chrono::sys_seconds::max())
        out += "<dt>Ends in any case</dt><dd>" + moment(s.deadline) + "</dd>\n";
    return out + "<dt>Saved so far</dt><dd>" + std::to_string(s.saves) + " times</dd>\n</dl>\n</section>\n";
}

// How a policy names what stands in the page itself.
std::string source_of(std::string_view text) {
    std::array<unsigned char, 32> digest{};
    EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    std::array<unsigned char, 45> base64{};
    EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
    return "'sha256-" + std::string(base64.begin(), base64.end() - 1) + "'";
}

} // namespace

std::string log_in(const frame& f, std::string_view complaint) {
    std::string content = R"html(<section>
<h1>Who are you?</h1>
<p class="soft">Any name will do. Until you log in, this server keeps nothing of you and sets no cookie.</p>
)html";
    if (!complaint.empty())
        content += fill("<p class=\"alarm\" role=\"alert\" id=\"complaint\">{text}</p>\n", {{"text", complaint}});
    content += R"html(<form method="post" action="/login">
<label for="name">Your name</label>
<div class="log-in"><input id="name" name="name" required maxlength="40" autocomplete="nickname" autofocus>)html";
    content += "<button>Log in</button></div>\n</form>\n</section>\n";
    return page(f, "Log in", content);
}

std::string shop(const frame& f, const shelf& s) {
    const std::string greeting = fill(R"html(<section>
<h1>Hello {user}</h1>
<p class="soft">You have opened this page <b id="visits">{visits}</b> {times} since you logged in.</p>
<form method="post" action="/count" class="counter">
<output id="clicks" aria-label="Clicks so far">{clicks}</output>
)html",
                                      {{"user", s.user},
                                       {"visits", std::to_string(s.visits)},
                                       {"times", s.visits == 1 ? "time" : "times"},
                                       {"clicks", std::to_string(s.clicks)}});
    return page(f, "Shop",
                greeting + token_field(f) + "<button id=\"count\">Count up</button>\n</form>\n</section>\n" +
                    cart(f, s) + facts(s));
}

std::string devices(const frame& f, const std::vector<device>& list) {
    std::string content = R"html(<section>
<h1>Your devices</h1>
<p class="soft">Wherever you are logged in by this name. If there is one that you do not know, log it out.</p>
<form method="post" action="/devices/end">
)html" + token_field(f) + "<ul class=\"devices\">\n";
    for (const auto& d : list) {
        content += fill("<li><div><p><b>{name}</b></p>\n", {{"name", d.name}});
        content += "<p class=\"soft\">Logged in " + moment(d.since) + "</p>\n";
        content += "<p class=\"soft\">Last seen " + moment(d.last_seen) + "</p></div>\n";
        if (d.is_this_one)
            content += "<span class=\"here\">This one</span></li>\n";
        else
            content += fill("<button class=\"quiet\" name=\"device\" value=\"{handle}\" "
                            "aria-label=\"Log out {name}\">Log out</button></li>\n",
                            {{"handle", d.handle}, {"name", d.name}});
    }
    content += "</ul>\n<div class=\"actions\">\n"
               "<button formaction=\"/devices/end-others\" id=\"end-others\">Log out everywhere else</button>\n"
               "<button class=\"quiet\" formaction=\"/devices/end-all\" id=\"end-all\">Log out everywhere</button>\n"
               "</div>\n</form>\n</section>\n";
    return page(f, "Your devices", content);
}

std::string notice(const frame& f, std::string_view title, std::string_view text) {
    const std::string content = fill("<section>\n<h1>{title}</h1>\n<p>{text}</p>\n<p><a href=\"/\">To the front page</a></p>\n"
                                     "</section>\n",
                                     {{"title", title}, {"text", text}});
    return page(f, title, content);
}

const std::string& content_security_policy() {
    static const std::string policy = "default-src 'none'; style-src " + source_of(style) + "; script-src " + source_of(script) +
                                      "; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    return policy;
}

} // namespace demo::pages
