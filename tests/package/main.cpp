// What a newcomer writes first; built by each project in this folder.

#ifdef CONSUMER_SINGLE_HEADER
#include <dynasession.hpp>

#include <boost/json/src.hpp>
#elif defined(DYNASESSION_SEPARATE_COMPILATION)
#include <dynasession/session_store.hpp>
#else
#include <dynasession/memory_session_store.hpp>
#include <dynasession/src.hpp>
#ifdef DYNASESSION_WITH_ZLIB
#include <dynasession/serializer/compressed.hpp>
#endif
#endif

#include <iostream>
#include <string>

namespace ds = dynasession;

#ifdef DYNASESSION_WITH_ZLIB
using store_type = ds::basic_session_store<ds::memory_backend, ds::no_lock, ds::compressed<ds::json_serializer>>;
#else
using store_type = ds::memory_session_store;
#endif

int main() {
#ifdef DYNASESSION_SEPARATE_COMPILATION
    const ds::dynamodb_session_store cloud{{.region = "eu-central-1", .credentials = ds::aws::credentials("AKIDEXAMPLE", "secret")}};
#endif
    store_type store;
    auto created = store.create();
    created.set("user", "jeremy");
    created.set("notes", std::string(5000, '.'));
    store.save(created);

    const auto found = store.load(created.id());
    if (!found || found->get<std::string>("user") != "jeremy") return 1;
    std::cout << "dynasession " << DYNASESSION_VERSION << ": a session of "
              << found->get<std::string>("user").value_or("?") << '\n';
    return 0;
}
