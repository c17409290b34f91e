#define DOCTEST_CONFIG_IMPLEMENT
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/system_context.hpp>
#include <boost/asio/system_executor.hpp>
#include <doctest/doctest.h>

#include <iostream>

namespace {

unsigned cases_run = 0;

// Counts the cases that ran; says nothing else.
struct counter : doctest::IReporter {
    explicit counter(const doctest::ContextOptions&) {}
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& stats) override { cases_run = stats.numTestCasesPassingFilters; }
    void test_case_start(const doctest::TestCaseData&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("counter", 1, counter);

// The threads of Asio's system_context, which serve asynchronous calls of clients without an executor, may otherwise
// outlive OpenSSL, and then what OpenSSL keeps for each of them counts as leaked.
void end_asio_threads() {
    auto& threads = boost::asio::query(boost::asio::system_executor(), boost::asio::execution::context);
    threads.stop();
    threads.join();
}

} // namespace

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int failed = context.run();
    end_asio_threads();
    if (context.shouldExit()) return failed; // only a listing was asked for
    if (cases_run == 0) {
        std::cerr << "no test case matches the filters: that is a mistake, not a success\n";
        return 2;
    }
    return failed;
}
