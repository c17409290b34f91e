#ifndef DYNASESSION_CORE_OPTIONS_HPP
#define DYNASESSION_CORE_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace dynasession::inline v0 {

/// How connections to a server are opened, kept and bounded.
struct connection_options {
    /// How long the name look-up, all attempts to connect and the answer of a proxy may take together.
    std::chrono::milliseconds connect_timeout{1000};

    /// How long the TLS handshake may take.
    std::chrono::milliseconds handshake_timeout{1000};

    /// How long a connection may lie idle and still be used again. DynamoDB closes after 60 s and more.
    std::chrono::milliseconds max_idle_time{20'000};

    /// How many idle connections are kept. Connections in use are not limited.
    std::size_t max_idle_connections = 32;

    /// The largest header block of an answer, in bytes.
    std::size_t max_header_size = 64 * 1024;

    /// The largest body of an answer, in bytes. A DynamoDB page has 1 MB, a batch 16 MB.
    std::size_t max_body_size = 17'000'000;

    /// The file of trusted authorities (PEM), in place of those of the system. Empty: those; a DynamoDB client looks at
    /// AWS_CA_BUNDLE before.
    std::string ca_file{};

    /// The proxy to go through, `[http://][user:password@]host[:port]`, which is asked for a way by CONNECT. Not set:
    /// none, or for a DynamoDB client what the environment says (HTTPS_PROXY, NO_PROXY, ...). Empty: none in any case.
    std::optional<std::string> proxy{};
};

/// How long sessions live. The PHP handler's `session_lifetime` and the Ruby gem's `max_stale` are `max_stale`
/// here; `max_age` is the gem's. Both are stored with each session and survive a change of the options.
struct session_options {
    /// How long a session lives from its creation on, however much it is used; 0: without end.
    std::chrono::seconds max_age{std::chrono::hours(12)};

    /// How long a session lives unused.
    std::chrono::seconds max_stale{std::chrono::minutes(30)};

    /// A session that is only read has its expiry put off when this part of `max_stale` has passed since
    /// the last time: 0.1 makes it a tenth of the writes of a store that touches at every request.
    double touch_fraction = 0.1;

    /// How long, after `regenerate`, the old id still leads to the session, to be read only: requests that are on their
    /// way already find it. At most a minute; 0: the old id leads nowhere at once.
    ///
    /// It is a weakness, too: who knows the old id, perhaps because he planted it, reads the session for so long. `destroy`
    /// by the old id ends the sign only. A store whose serializer binds what it writes to the id (`encrypted`) refuses it:
    /// by the old id nothing could be read.
    std::chrono::seconds regenerate_grace{0};

    /// Whether `destroy_all_of` and `destroy_others_of` leave a mark with the user, which every load of a session of his looks
    /// at: then none escapes them, whatever an index does not know yet. Loads of sessions that are nobody's cost nothing more.
    ///
    /// *Cost:* a load reads the mark with the session, in one request: 1 RCU more. Where this process does not know yet whose the
    /// session is, or locks it, that is a second request. To bind a session to a user is one read more.
    bool revocation_marks = false;
};

} // namespace dynasession::inline v0

#endif
