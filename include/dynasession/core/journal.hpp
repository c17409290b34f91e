#ifndef DYNASESSION_CORE_JOURNAL_HPP
#define DYNASESSION_CORE_JOURNAL_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// The marks of the writers of a record's last versions, newest first: by it a writer whose answer got lost finds out
/// what became of its write.
///
/// A mark is the beginning of a random token. It is asked for only when an answer was lost and others have written since,
/// and then compared with four others, so 30 bits are plenty; every byte of it is billed with every write.
class journal {
public:
    /// Characters in a mark.
    static constexpr std::size_t mark_size = 5;

    /// How many marks a record keeps at most.
    static constexpr std::size_t max_marks = 4;

    /// What a write with this token leaves: see `detail::random_token`.
    static std::string_view mark_of(std::string_view token) noexcept { return token.substr(0, mark_size); }

    journal() = default;

    /// What `text()` gave. Text of another shape holds no marks of ours, and is none.
    explicit journal(std::string text) : text_(std::move(text)) {
        if (text_.size() % mark_size != 0 || text_.size() > max_marks * mark_size) text_.clear();
    }

    const std::string& text() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

    /// How many of the last versions it tells of.
    std::size_t size() const noexcept { return text_.size() / mark_size; }

    std::string_view newest() const noexcept { return std::string_view(text_).substr(0, mark_size); }

    bool contains(std::string_view mark) const noexcept {
        for (std::size_t at = 0; at < text_.size(); at += mark_size)
            if (std::string_view(text_).substr(at, mark_size) == mark) return true;
        return false;
    }

    /// This journal after one more write; the oldest mark goes if there are too many.
    journal followed_by(std::string_view token) const {
        journal next;
        next.text_.reserve(max_marks * mark_size);
        next.text_.append(mark_of(token)).append(text_, 0, (max_marks - 1) * mark_size);
        return next;
    }

    friend bool operator==(const journal&, const journal&) = default;

private:
    std::string text_;
};

} // namespace dynasession::inline v0

#endif
