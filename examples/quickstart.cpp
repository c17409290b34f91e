#include <dynasession/session_store.hpp>
#include <dynasession/src.hpp> // Boost.JSON; not needed in a program that links Boost::json

#include <iostream>

namespace ds = dynasession;

int main() {
    ds::memory_session_store store; // on DynamoDB: ds::dynamodb_session_store store{{.table_name = "sessions"}};

    ds::session s = store.create(); // has a secret id of 256 random bits; nothing is stored yet
    s.set("user", "jeremy");
    s["cart"] = {"apples", "pears"};
    store.save(s);

    if (auto found = store.load(s.id())) // empty when there is none or it has expired; a store that fails throws
        std::cout << "hello " << found->get<std::string>("user").value_or("stranger") << '\n';

    auto updated = store.update(s.id(), [](ds::session& x) { x.set("visits", x.get<int>("visits").value_or(0) + 1); });
    std::cout << updated->value() << '\n';

    store.regenerate(*updated); // a new id for the same session, as at each login
    std::cout << "the old id leads " << (store.load(s.id()) ? "somewhere" : "nowhere") << '\n';

    store.destroy(updated->id());
    std::cout << "after the logout there is " << (store.load(updated->id()) ? "a" : "no") << " session\n";
}
