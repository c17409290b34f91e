#ifndef DYNASESSION_AWS_SPLIT_COMMAND_HPP
#define DYNASESSION_AWS_SPLIT_COMMAND_HPP

#include <dynasession/core/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

namespace split_command_detail {

inline failure refuse(const char* why) { return {error::invalid_option, why}; }

// Appends what stands between the quote at `i` and the next of its kind, and moves `i` there; false when there is none.
inline bool take_quoted(std::string_view command, std::size_t& i, std::string& word) {
    for (const char quote = command[i++]; i < command.size(); ++i) {
        if (command[i] == quote) return true;
        // Between double quotes a backslash is one of its own, but before these two.
        if (quote == '"' && command[i] == '\\' && i + 1 < command.size() &&
            (command[i + 1] == '"' || command[i + 1] == '\\'))
            ++i;
        word += command[i];
    }
    return false;
}

} // namespace split_command_detail

/// Splits a command line as a POSIX shell does, and expands nothing: blanks part, quotes of both kinds and backslashes
/// keep together (Python's `shlex.split`, which the AWS SDKs' users know it by).
///
/// *Errors:* `error::invalid_option` when nothing is left, a quote is not closed, the line ends in a backslash or holds
/// a NUL; the detail does not repeat the line.
inline result<std::vector<std::string>> split_command(std::string_view command) {
    using split_command_detail::refuse;
    if (command.find('\0') != command.npos) return refuse("the command holds a NUL");
    std::vector<std::string> words;
    std::string word;
    bool in_word = false; // two quotes with nothing between them are a word, too
    for (std::size_t i = 0; i < command.size(); ++i) {
        const char c = command[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            if (std::exchange(in_word, false)) words.push_back(std::exchange(word, {}));
            continue;
        }
        in_word = true;
        if (c == '\'' || c == '"') {
            if (!split_command_detail::take_quoted(command, i, word))
                return refuse(c == '"' ? "the command has a double quote that is not closed"
                                       : "the command has a single quote that is not closed");
        } else if (c == '\\') {
            if (++i == command.size()) return refuse("the command ends in a backslash");
            word += command[i];
        } else {
            word += c;
        }
    }
    if (in_word) words.push_back(std::move(word));
    if (words.empty()) return refuse("the command is empty");
    return words;
}

} // namespace dynasession::inline v0::aws

#endif
