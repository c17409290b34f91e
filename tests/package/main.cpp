// What a newcomer writes first; built by each project in this folder.

#ifdef CONSUMER_SINGLE_HEADER
#include <dynasession.hpp>

#include <boost/json/src.hpp>
#else
#include <dynasession/memory_session_store.hpp>
#include <dynasession/src.hpp>
#endif

#include <iostream>
#include <string>

namespace ds = dynasession;

int main() {
    ds::memory_session_store store;
    auto created = store.create();
    created.set("user", "jeremy");
    store.save(created);

    const auto found = store.load(created.id());
    if (!found || found->get<std::string>("user") != "jeremy") return 1;
    std::cout << "dynasession " << DYNASESSION_VERSION << ": a session of "
              << found->get<std::string>("user").value_or("?") << '\n';
    return 0;
}
